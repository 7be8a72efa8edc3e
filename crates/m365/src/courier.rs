//! Brings messages to Microsoft, by Graph or by SMTP, and says exactly how each try ended.
//!
//! It keeps what is dear to make: HTTP connections (in `connection`), SMTP sessions (in `smtp::pool`), tokens
//! (in `token`). What it must never do: try a second time where the first may have arrived, ask Entra for a
//! token where one is at hand, or hold a whole large message. Neighbours: `postern`'s queue brings parcels
//! and reads the [`Delivery`], `test_mail` goes the same way, `outcome` judges what came back.

use std::future::Future;
use std::sync::Arc;

use mail::{Address, Attempted, MessageId};
use time::OffsetDateTime;

use crate::account::{Account, SignIn, Transport};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::graph::{self, Mailbox};
use crate::outcome;
use crate::parcel::{Parcel, ReportsBy, ReturnPath, Seen};
use crate::scope::Resource;
use crate::secret::AccessToken;
use crate::smtp::pool::{Desk, Label, Place, Pool};
use crate::smtp::{Handover, Letter, Login, Server, Session, Timeouts};
use crate::token::Tokens;

/// The courier. Clones share its sessions and tokens.
#[derive(Clone)]
pub struct Courier {
    tokens: Tokens,
    sessions: Arc<Pool>,
    /// What we call ourselves in EHLO.
    host: Arc<str>,
    timeouts: Timeouts,
}

/// Whose mail it is.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// To the account's cloud.
    pub connection: &'a Arc<Connection>,
    /// The account, with what it proves itself with.
    pub account: &'a Arc<Account>,
    /// The mailbox that the mail goes out of, and whose limits count.
    pub mailbox: &'a Address,
}

/// One try, over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// How it ended: for the queue.
    pub attempted: Attempted,
    /// What stood in the way: for the diagnosis, and for the account's state.
    pub failure: Option<Failure>,
    /// Who tells of a success, where that was asked for.
    pub reports: ReportsBy,
}

impl Delivery {
    /// Graph can't take this message, or not with what was granted; by SMTP it may pass as it is. Nothing was
    /// sent. Its header must be another then: Bcc is for Graph only.
    pub fn asks_for_smtp(&self) -> bool {
        let code = self.failure.as_ref().map(Failure::code);
        matches!(code.as_deref(), Some("needs_smtp" | "needs_mail_read_write"))
    }
}

impl Courier {
    /// A courier without any connection yet. `host` is this machine's name, for EHLO.
    pub fn new(tokens: Tokens, host: &str) -> Courier {
        Courier { tokens, sessions: Arc::default(), host: host.into(), timeouts: Timeouts::default() }
    }

    /// Tries once to deliver; where a token is refused that may only be old, once more with a fresh one. For
    /// [`Transport::Graph`] the recipients are those of the header, and what is larger than
    /// [`graph::MAX_MIME_OCTETS`] goes by way of a draft.
    pub async fn deliver(
        &self,
        origin: &Origin<'_>,
        transport: Transport,
        parcel: &Parcel<'_>,
        now: OffsetDateTime,
    ) -> Delivery {
        let handover = self.hand_over(origin, transport, parcel, now).await;
        Delivery {
            attempted: outcome::of_handover(&handover, origin, now),
            reports: handover.reports,
            failure: handover.ended.err(),
        }
    }

    /// Looks in the mailbox for a message of which nobody knows whether it was sent.
    ///
    /// # Errors
    /// What stood in the way of looking; it may pass.
    pub async fn was_sent(
        &self,
        origin: &Origin<'_>,
        message_id: &MessageId,
        now: OffsetDateTime,
    ) -> Result<Seen, Failure> {
        if origin.account.transport == Transport::Smtp && !origin.account.cloud.is_entra() {
            // There is no Graph beside such a server.
            return Ok(Seen::CannotLook);
        }
        let mailbox = origin.graph_mailbox();
        let look =
            async |token: AccessToken| graph::was_sent(origin.connection, &token, mailbox, message_id).await;
        self.with_token(origin, origin.resource_to_look(), now, look).await
    }

    /// Closes the SMTP sessions that nobody has used for a while: to be called every few seconds.
    pub async fn close_idle(&self) {
        self.sessions.close_idle().await;
    }

    /// Closes all SMTP sessions that aren't in use: before the process ends.
    pub async fn close(&self) {
        self.sessions.close_all().await;
    }

    /// As [`Courier::deliver`], with what came back as it was said.
    pub(crate) async fn hand_over(
        &self,
        origin: &Origin<'_>,
        transport: Transport,
        parcel: &Parcel<'_>,
        now: OffsetDateTime,
    ) -> Handover {
        match transport {
            Transport::Graph => Handover::of_all(self.by_graph(origin, parcel, now).await),
            Transport::Smtp => self.by_smtp(origin, parcel, now).await,
        }
    }

    /// Logs in by SMTP, and keeps the session for the next message.
    pub(crate) async fn check_log_in(&self, origin: &Origin<'_>, now: OffsetDateTime) -> Result<(), Failure> {
        let place = self.place_for(origin).await;
        let session = self.open_session(origin, now).await?;
        place.put_back(session);
        Ok(())
    }

    /// In one request where that takes it, else by way of a draft.
    async fn by_graph(
        &self,
        origin: &Origin<'_>,
        parcel: &Parcel<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<String>, Failure> {
        let (connection, mailbox, content) = (origin.connection, origin.graph_mailbox(), parcel.content);
        let sent = match content.size_octets() <= graph::MAX_MIME_OCTETS {
            true => {
                let send = async |token| graph::send_mime(connection, &token, mailbox, content).await;
                self.with_token(origin, Resource::Graph, now, send).await?
            }
            false => {
                let (resource, message_id) = (origin.resource_to_look(), parcel.message_id);
                let send = async |token| {
                    graph::send_by_draft(connection, &token, mailbox, message_id, content).await
                };
                self.with_token(origin, resource, now, send).await?
            }
        };
        Ok(sent.request_id)
    }

    /// Over a session that is kept, or a new one. A kept one may have died unseen: then nothing of the message
    /// was said, and a new one is tried at once.
    async fn by_smtp(&self, origin: &Origin<'_>, parcel: &Parcel<'_>, now: OffsetDateTime) -> Handover {
        let letter = Letter { from: origin.return_path(parcel), parcel };
        let place = self.place_for(origin).await;
        if let Some(mut session) = place.take() {
            let handover = session.deliver(&letter).await;
            if !handover.is_stale() {
                place.put_back(session);
                return handover;
            }
            place.close_others();
        }
        match self.open_session(origin, now).await {
            Err(failure) => Handover::of_all(Err(failure)),
            Ok(mut session) => {
                let handover = session.deliver(&letter).await;
                place.put_back(session);
                handover
            }
        }
    }

    async fn place_for(&self, origin: &Origin<'_>) -> Place<'_> {
        let desk = Desk {
            server: origin.connection.cloud().smtp.to_string(),
            mailbox: origin.login().as_str().to_lowercase(),
        };
        let label = Label { account_id: origin.account.id.clone(), version: origin.account.version };
        self.sessions.enter(desk, label).await
    }

    async fn open_session(&self, origin: &Origin<'_>, now: OffsetDateTime) -> Result<Session, Failure> {
        let server = Server::of_cloud(origin.connection, &self.host).with_timeouts(self.timeouts);
        let open = async |token: AccessToken| {
            Session::open(&server, &Login { mailbox: origin.login(), token: &token }).await
        };
        self.with_token(origin, Resource::Outlook, now, open).await
    }

    /// Does something with the token at hand; where it is refused and may only be old, once more with a fresh
    /// one. Nothing was accepted with a refused token.
    async fn with_token<T, F>(
        &self,
        origin: &Origin<'_>,
        resource: Resource,
        now: OffsetDateTime,
        attempt: impl Fn(AccessToken) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let token = self.tokens.access(origin.connection, origin.account, resource, now).await?;
        match attempt(token.clone()).await {
            Err(failure) if is_worth_a_fresh_token(&failure) => {
                self.tokens.invalidate(origin.account, resource, &token);
                let fresh = self.tokens.access(origin.connection, origin.account, resource, now).await?;
                attempt(fresh).await
            }
            settled => settled,
        }
    }
}

impl<'a> Origin<'a> {
    /// A person sends through `/me`, also with another From; an application through the mailbox's own path.
    pub(crate) fn graph_mailbox(&self) -> Mailbox<'a> {
        match self.account.sign_in {
            SignIn::Delegated => Mailbox::Me,
            SignIn::Application => Mailbox::User(self.mailbox),
        }
    }

    /// An application's tokens hold all that is granted anyway.
    fn resource_to_look(&self) -> Resource {
        match self.account.sign_in {
            SignIn::Delegated => Resource::Mailbox,
            SignIn::Application => Resource::Graph,
        }
    }

    /// Who logs in by SMTP: the person who signed in, else the mailbox itself (facts 6.3).
    pub(crate) fn login(&self) -> &'a Address {
        let person = self.account.mailbox.as_ref().filter(|_| self.account.sign_in == SignIn::Delegated);
        person.unwrap_or(self.mailbox)
    }

    /// Reports go out with the null reverse-path, whatever else is said: nobody may answer them.
    fn return_path(&self, parcel: &Parcel<'a>) -> Option<&'a Address> {
        let sender = parcel.envelope.from()?;
        match parcel.return_path {
            ReturnPath::Envelope => Some(sender),
            ReturnPath::Mailbox => Some(self.mailbox),
        }
    }
}

/// An old token may have expired, or be from before the administrator mended the permission: a fresh one
/// tells.
pub(crate) fn is_worth_a_fresh_token(failure: &Failure) -> bool {
    match failure {
        Failure::Graph(refusal) => {
            refusal.status == 401 || refusal.status == 403 && refusal.code == "ErrorAccessDenied"
        }
        Failure::Smtp(refusal) => refusal.code == 535 || refusal.enhanced.as_deref() == Some("5.5.127"),
        Failure::Entra(_) | Failure::Network(_) | Failure::Local(_) => false,
    }
}

#[cfg(test)]
mod tests;
