//! One connection: reads and writes octets for the session, asks the house for it, keeps the time. Decides nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::census::{Full, Place};
use crate::handshake;
use crate::house::{House, Intake};
use crate::pace::Pace;
use crate::peer;
use crate::reply::{self, Reply};
use crate::session::{Action, Answer, Session, Waiting};
use crate::{Admission, Login, Peer, Refusal, Security, Settings, Submitter};

/// What all connections of a listener share.
pub(crate) struct Door<H> {
    pub(crate) settings: Arc<Settings>,
    pub(crate) house: Arc<H>,
    pub(crate) shutdown: CancellationToken,
}

/// Room for commands, and for content: more than a TLS record of 16 KiB.
const COMMAND_OCTETS: usize = 4 * 1024;
const CONTENT_OCTETS: usize = 32 * 1024;
/// How long, and for how much, a closed connection is read so that its last reply isn't lost to a reset.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_OCTETS: usize = 1024 * 1024;

/// Why a conversation stopped.
enum End {
    StartTls,
    Closed,
}

/// Serves one connection to its end.
pub(crate) async fn attend<H: House>(
    mut stream: TcpStream,
    address: SocketAddr,
    door: &Door<H>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(peer) = peer::identify(&mut stream, address, door).await? else { return Ok(()) };
    let places = door.settings.census.enter().and_then(|place| {
        let from = door.settings.census.enter_from(peer.address.ip())?;
        Ok((place, from))
    });
    let _places = match places {
        Ok(places) => places,
        Err(full) => return turn_away(&mut stream, &peer, full, door).await,
    };
    let admission = door.house.admit(&peer).await;
    let (admission, place) = take_place(admission, &peer, door);
    let mut conversation = Conversation {
        session: Session::new(Arc::clone(&door.settings), peer, None),
        intake: None,
        place,
        pace: Pace::new(Instant::now()),
        input: BytesMut::new(),
        door,
        peer,
    };
    match &door.settings.security {
        Security::Implicit(tls) => {
            let tls = Arc::clone(tls);
            let mut stream = conversation.encrypt(stream, tls).await?;
            conversation.session.greet(admission);
            conversation.hold(&mut stream).await.map(drop)
        }
        Security::StartTls(tls) => {
            let tls = Arc::clone(tls);
            conversation.session.greet(admission);
            if let End::StartTls = conversation.hold(&mut stream).await? {
                let mut stream = conversation.encrypt(stream, tls).await?;
                conversation.hold(&mut stream).await?;
            }
            Ok(())
        }
        Security::Plain | Security::PlainAnywhere => {
            conversation.session.greet(admission);
            conversation.hold(&mut stream).await.map(drop)
        }
    }
}

/// Serves one connection without a network under it to its end.
pub(crate) async fn attend_local<S, H>(mut stream: S, peer: Peer, door: &Door<H>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: House,
{
    let _place = match door.settings.census.enter() {
        Ok(place) => place,
        Err(full) => return turn_away(&mut stream, &peer, full, door).await,
    };
    let (admission, place) = take_place(door.house.admit(&peer).await, &peer, door);
    let mut conversation = Conversation {
        session: Session::new(Arc::clone(&door.settings), peer, None),
        intake: None,
        place,
        pace: Pace::new(Instant::now()),
        input: BytesMut::new(),
        door,
        peer,
    };
    conversation.session.greet(admission);
    conversation.hold(&mut stream).await.map(drop)
}

async fn turn_away<H: House>(
    stream: &mut (impl AsyncWrite + Unpin),
    peer: &Peer,
    full: Full,
    door: &Door<H>,
) -> io::Result<()> {
    door.house.refused(peer, None, &full_refusal(full));
    if matches!(door.settings.security, Security::Implicit(_)) {
        return Ok(());
    }
    let mut out = Vec::new();
    full_reply(full).write(&mut out);
    timeout(LINGER, stream.write_all(&out)).await?
}

fn full_reply(full: Full) -> Reply {
    match full {
        Full::House => reply::HOUSE_FULL,
        Full::Address => reply::ADDRESS_FULL,
        Full::Submitter => reply::SUBMITTER_FULL,
    }
}

fn full_refusal(full: Full) -> Refusal {
    full_reply(full).into()
}

/// A submitter that is known already takes its place, or is refused for want of one.
fn take_place<H: House>(admission: Admission, peer: &Peer, door: &Door<H>) -> (Admission, Option<Place>) {
    let Admission::Known(submitter) = &admission else { return (admission, None) };
    match door.settings.census.enter_as(submitter.id) {
        Ok(place) => (admission, Some(place)),
        Err(full) => {
            let refusal = full_refusal(full);
            door.house.refused(peer, Some(submitter), &refusal);
            (Admission::Refused(refusal), None)
        }
    }
}

/// A session with its surroundings.
struct Conversation<'a, H: House> {
    session: Session,
    intake: Option<H::Intake>,
    /// The submitter's place among its connections.
    place: Option<Place>,
    pace: Pace,
    input: BytesMut,
    door: &'a Door<H>,
    peer: Peer,
}

impl<H: House> Conversation<'_, H> {
    /// Does what the session says until it wants TLS or an end.
    async fn hold<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<End> {
        loop {
            let action = self.session.next(&mut self.input);
            while let Some(refusal) = self.session.next_complaint() {
                self.door.house.refused(&self.peer, self.session.submitter(), &refusal);
            }
            match action {
                Action::Read => {
                    self.write(stream).await?;
                    if self.read(stream).await? == 0 {
                        return Ok(End::Closed);
                    }
                }
                Action::StartTls => {
                    self.write(stream).await?;
                    return Ok(End::StartTls);
                }
                Action::Close => {
                    self.write(stream).await?;
                    linger(stream).await;
                    return Ok(End::Closed);
                }
                action => self.ask(action).await,
            }
        }
    }

    /// Writes all replies that are due, at once.
    async fn write<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        let outbox = self.session.outbox();
        if outbox.is_empty() {
            return Ok(());
        }
        let writing = async {
            stream.write_all(outbox).await?;
            stream.flush().await
        };
        timeout(self.door.settings.limits.command, writing).await??;
        outbox.clear();
        Ok(())
    }

    /// Reads what there is. 0: the client has gone. Where it is too slow, or the server stops, the session is told.
    async fn read<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<usize> {
        let limits = &self.door.settings.limits;
        let waiting = self.session.waiting();
        let deadline = self.pace.deadline(waiting, self.session.progress(), limits, Instant::now());
        let room = if is_content(waiting) { CONTENT_OCTETS } else { COMMAND_OCTETS };
        self.input.reserve(room);
        let is_free = self.session.is_between_messages();
        tokio::select! {
            biased;
            () = self.door.shutdown.cancelled(), if is_free => {
                self.session.shut_down();
                Ok(1)
            }
            reading = timeout_at(deadline, stream.read_buf(&mut self.input)) => match reading {
                Ok(Ok(octets)) => {
                    self.pace.count(octets);
                    Ok(octets)
                }
                Ok(Err(error)) => Err(error),
                Err(_) => {
                    self.session.time_out();
                    Ok(1)
                }
            }
        }
    }

    /// Asks the house what the session wants to know.
    async fn ask(&mut self, action: Action) {
        let answer = match action {
            Action::LogIn(login) => Answer::LoggedIn(self.log_in(login).await),
            Action::CheckSender { from, size_octets } => Answer::Checked(match self.session.submitter() {
                Some(who) => self.door.house.check_sender(who, from.as_ref(), size_octets).await,
                None => Err(nobody()),
            }),
            Action::CheckRecipient(to) => Answer::Checked(match self.session.submitter() {
                Some(who) => self.door.house.check_recipient(who, &to).await,
                None => Err(nobody()),
            }),
            Action::Begin(transaction) => {
                let begun = match self.session.submitter() {
                    Some(who) => self.door.house.begin(who, *transaction).await,
                    None => Err(nobody()),
                };
                Answer::Checked(begun.map(|intake| self.intake = Some(intake)))
            }
            Action::Write(piece) => Answer::Checked(self.give(piece).await),
            Action::Finish => {
                let finished = match self.intake.take() {
                    Some(intake) => intake.finish().await,
                    None => Err(nobody()),
                };
                self.session.answer(Answer::Finished(finished));
                return self.stop_if_told();
            }
            Action::Abandon => {
                self.intake = None;
                return;
            }
            Action::Read | Action::StartTls | Action::Close => return,
        };
        self.session.answer(answer);
    }

    async fn give(&mut self, piece: bytes::Bytes) -> Result<(), Refusal> {
        let Some(intake) = self.intake.as_mut() else { return Err(nobody()) };
        let given = intake.write(piece).await;
        if given.is_err() {
            self.intake = None;
        }
        given
    }

    async fn log_in(&mut self, login: Login) -> Result<Submitter, Refusal> {
        let asked = Instant::now();
        match self.door.house.log_in(&self.peer, &login).await {
            Ok(submitter) => {
                let place = self.door.settings.census.enter_as(submitter.id).map_err(full_refusal);
                let place = place.inspect_err(|refusal| {
                    self.door.house.refused(&self.peer, Some(&submitter), refusal);
                })?;
                self.place = Some(place);
                Ok(submitter)
            }
            Err(refusal) => {
                sleep_until(asked + self.door.settings.limits.failed_login).await;
                Err(refusal)
            }
        }
    }

    /// Between two messages is the moment to stop, even for a client that never pauses.
    fn stop_if_told(&mut self) {
        if self.door.shutdown.is_cancelled() && self.session.is_between_messages() {
            self.session.shut_down();
        }
    }

    async fn encrypt(
        &mut self,
        stream: TcpStream,
        tls: Arc<rustls::ServerConfig>,
    ) -> io::Result<TlsStream<TcpStream>> {
        let shaken = handshake::in_time(self.door, handshake::accept(stream, tls)).await;
        let stream = shaken.inspect_err(|error| {
            if let Some(refusal) = handshake::refusal(error) {
                self.door.house.refused(&self.peer, self.session.submitter(), &refusal);
            }
        })?;
        self.session.secured(handshake::describe(&stream));
        Ok(stream)
    }
}

/// Only for an order of questions that the session doesn't keep; never a success.
fn nobody() -> Refusal {
    Refusal::new(451, "4.3.0", "Nothing is known to go on with; try again later")
}

fn is_content(waiting: Waiting) -> bool {
    matches!(waiting, Waiting::Content | Waiting::DisputedContent)
}

/// Says that nothing more will come, and reads what is under way: a socket that is closed with octets unread answers
/// with a reset, and the last reply is lost with it.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
    let reading = async {
        stream.shutdown().await?;
        let mut rest = BytesMut::with_capacity(COMMAND_OCTETS);
        let mut octets = 0;
        while octets < LINGER_OCTETS {
            rest.clear();
            match stream.read_buf(&mut rest).await? {
                0 => break,
                more => octets += more,
            }
        }
        Ok::<_, io::Error>(())
    };
    // Whatever goes wrong here, the connection was over before.
    let _ = timeout(LINGER, reading).await;
}
