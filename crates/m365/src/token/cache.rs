//! The access tokens in use, each fetched once however many ask for it, and renewed before it ends.
//!
//! Invariants: one request at a time per account and resource, and one use of the refresh token at a time
//! per account; an answer for an account that was changed or forgotten meanwhile is refused, not kept; the
//! fetching goes on when whoever asked first has gone; a token that is still good outlives an outage.
//! Neighbours: `grant_keeper` stores what must survive us.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use time::{Duration, OffsetDateTime};
use tokio::sync::watch;
use uuid::Uuid;

use crate::account::{Account, SignIn};
use crate::connection::Connection;
use crate::failure::{Failure, LocalTrouble};
use crate::grant_keeper::{GrantKeeper, account_changed, not_loaded, not_stored};
use crate::scope::Resource;
use crate::secret::{AccessToken, RefreshToken};
use crate::token::{self, Issued};

/// The cache. Clones share it.
#[derive(Clone)]
pub struct Tokens {
    keeper: Arc<dyn GrantKeeper>,
    shelves: Arc<Mutex<HashMap<String, Shelf>>>,
    fetches: Arc<[AtomicU64; 2]>,
}

/// How often Entra was asked for a token, since the start of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetches {
    /// It gave one.
    pub obtained: u64,
    /// It did not.
    pub failed: u64,
}

/// What is known for one account.
struct Shelf {
    version: i64,
    /// Another number whenever what is under way has become worthless.
    epoch: u64,
    tokens: HashMap<Resource, Issued>,
    flights: HashMap<Resource, Flight>,
    /// Whose tokens they are, where the application signs in; it outlives a refused token, for the advice on it.
    principal: Option<Uuid>,
    /// Held while the refresh token is in use.
    grant: Arc<tokio::sync::Mutex<()>>,
}

/// A fetch under way: None until it has landed.
type Flight = watch::Receiver<Option<Result<Issued, Failure>>>;

/// What whoever asks finds on the shelf.
enum Found {
    Fresh(AccessToken),
    /// To wait for, with the token that will do if this fails for a passing reason.
    UnderWay(Flight, Option<AccessToken>),
}

impl Tokens {
    /// An empty cache over the keeper of the grants.
    pub fn new(keeper: Arc<dyn GrantKeeper>) -> Self {
        Self { keeper, shelves: Arc::default(), fetches: Arc::default() }
    }

    /// How often Entra was asked for a token.
    pub fn fetches(&self) -> Fetches {
        let [obtained, failed] = &*self.fetches;
        Fetches { obtained: obtained.load(Ordering::Relaxed), failed: failed.load(Ordering::Relaxed) }
    }

    /// A token for the resource with some life left: the one in use, or a new one.
    ///
    /// # Errors
    /// What Entra or the network said; or [`Failure::Local`] with `needs_sign_in` (a delegated account
    /// without a grant), `account_changed` (settings changed meanwhile), `grant_not_loaded` or
    /// `grant_not_stored` (the store failed).
    pub async fn access(
        &self,
        connection: &Arc<Connection>,
        account: &Arc<Account>,
        resource: Resource,
        now: OffsetDateTime,
    ) -> Result<AccessToken, Failure> {
        match self.find(connection, account, resource, now)? {
            Found::Fresh(token) => Ok(token),
            Found::UnderWay(flight, fallback) => match (land(flight).await, fallback) {
                (Ok(issued), _) => Ok(issued.access_token),
                (Err(failure), Some(token)) if failure.is_temporary() && !is_about_us(&failure) => Ok(token),
                (Err(failure), _) => Err(failure),
            },
        }
    }

    /// Uses the grant even though a token is at hand: keeps it alive, and learns early that it is dead.
    ///
    /// # Errors
    /// As [`Tokens::access`], and nothing is smoothed over.
    pub async fn renew(
        &self,
        connection: &Arc<Connection>,
        account: &Arc<Account>,
        now: OffsetDateTime,
    ) -> Result<(), Failure> {
        let resource = account.transport.into();
        let flight = self.depart(&mut self.lock(), connection, account, resource, now)?;
        land(flight).await.map(|_| ())
    }

    /// The resource refused this token (401): it isn't handed out again. A newer one stays.
    pub fn invalidate(&self, account: &Account, resource: Resource, refused: &AccessToken) {
        if let Some(shelf) = self.lock().get_mut(&account.id) {
            let is_refused = |issued: &mut Issued| issued.access_token.expose() == refused.expose();
            shelf.tokens.extract_if(|held, issued| *held == resource && is_refused(issued)).for_each(drop);
        }
    }

    /// The account was changed, authorized anew or removed: what is held or under way for it is worthless.
    pub fn forget(&self, account_id: &str) {
        if let Some(shelf) = self.lock().get_mut(account_id) {
            shelf.clear();
        }
    }

    /// When the token in use was obtained and when it ends; `None` where none is held.
    pub fn lifetime(
        &self,
        account: &Account,
        resource: Resource,
    ) -> Option<(OffsetDateTime, OffsetDateTime)> {
        let shelves = self.lock();
        let issued = shelves.get(&account.id)?.tokens.get(&resource)?;
        Some((issued.obtained_at, issued.expires_at))
    }

    /// The service principal of the application, as its last token names it.
    pub fn principal(&self, account_id: &str) -> Option<Uuid> {
        self.lock().get(account_id)?.principal
    }

    fn find(
        &self,
        connection: &Arc<Connection>,
        account: &Arc<Account>,
        resource: Resource,
        now: OffsetDateTime,
    ) -> Result<Found, Failure> {
        let mut shelves = self.lock();
        let held = shelf_of(&mut shelves, account)?.tokens.get(&resource);
        let fallback = match held {
            Some(issued) if now < issued.renew_at(resource) => {
                return Ok(Found::Fresh(issued.access_token.clone()));
            }
            Some(issued) if now + LAST_MOMENT < issued.expires_at => Some(issued.access_token.clone()),
            _ => None,
        };
        let flight = self.depart(&mut shelves, connection, account, resource, now)?;
        Ok(Found::UnderWay(flight, fallback))
    }

    /// Joins the flight that is under way, or starts one.
    fn depart(
        &self,
        shelves: &mut HashMap<String, Shelf>,
        connection: &Arc<Connection>,
        account: &Arc<Account>,
        resource: Resource,
        now: OffsetDateTime,
    ) -> Result<Flight, Failure> {
        let shelf = shelf_of(shelves, account)?;
        if let Some(flight) = shelf.flights.get(&resource).filter(|flight| is_in_the_air(flight)) {
            return Ok(flight.clone());
        }
        let (landing, flight) = watch::channel(None);
        shelf.flights.insert(resource, flight.clone());
        let errand = Errand {
            tokens: self.clone(),
            connection: Arc::clone(connection),
            account: Arc::clone(account),
            resource,
            now,
            epoch: shelf.epoch,
            grant: Arc::clone(&shelf.grant),
        };
        tokio::spawn(async move {
            let result = errand.run().await;
            landing.send_replace(Some(errand.settle(result)));
        });
        Ok(flight)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Shelf>> {
        self.shelves.lock().expect("nobody panics while holding the shelves")
    }
}

/// One fetch, from its start to its landing.
struct Errand {
    tokens: Tokens,
    connection: Arc<Connection>,
    account: Arc<Account>,
    resource: Resource,
    now: OffsetDateTime,
    epoch: u64,
    grant: Arc<tokio::sync::Mutex<()>>,
}

impl Errand {
    async fn run(&self) -> Result<Issued, Failure> {
        let fetched = match self.account.sign_in {
            SignIn::Application => {
                token::client_credentials(&self.connection, &self.account, self.resource, self.now).await
            }
            SignIn::Delegated => self.use_grant().await,
        };
        self.tokens.fetches[usize::from(fetched.is_err())].fetch_add(1, Ordering::Relaxed);
        fetched
    }

    /// Load, refresh, store the successor, and only then use what came: in this order.
    async fn use_grant(&self) -> Result<Issued, Failure> {
        let _in_use = self.grant.lock().await;
        let (id, version) = (self.account.id.as_str(), self.account.version);
        let keeper = &self.tokens.keeper;
        let held = keeper.load(id, version).await.map_err(not_loaded)?.ok_or_else(needs_sign_in)?;
        let used = self.use_token(&held).await;
        if !matches!(used, Ok((_, true))) {
            // Others wait no longer than its term for what can't be released.
            let _ = keeper.release(id).await;
        }
        used.map(|(issued, _)| issued)
    }

    /// Also whether the token has a successor, which is stored.
    async fn use_token(&self, held: &RefreshToken) -> Result<(Issued, bool), Failure> {
        let issued = token::refresh(&self.connection, &self.account, self.resource, held, self.now).await?;
        let successor = issued.refresh_token.clone().filter(|new| new.expose() != held.expose());
        let Some(successor) = successor else { return Ok((issued, false)) };
        self.check_epoch()?;
        let (id, version) = (self.account.id.as_str(), self.account.version);
        self.tokens.keeper.replace(id, version, successor, self.now).await.map_err(not_stored)?;
        Ok((issued, true))
    }

    /// The successor of a grant that was given up must not replace the one that came after it.
    fn check_epoch(&self) -> Result<(), Failure> {
        let shelves = self.tokens.lock();
        let is_current = shelves.get(&self.account.id).is_some_and(|shelf| shelf.epoch == self.epoch);
        is_current.then_some(()).ok_or_else(account_changed)
    }

    /// Keeps the result if it still is of use.
    fn settle(&self, result: Result<Issued, Failure>) -> Result<Issued, Failure> {
        let mut shelves = self.tokens.lock();
        let shelf = shelves.get_mut(&self.account.id).filter(|shelf| shelf.epoch == self.epoch);
        let shelf = shelf.ok_or_else(account_changed)?;
        shelf.flights.remove(&self.resource);
        let issued = result?;
        if self.account.sign_in == SignIn::Application {
            shelf.principal = issued.access_token.hints().object_id;
        }
        shelf.tokens.insert(self.resource, Issued { refresh_token: None, ..issued.clone() });
        Ok(issued)
    }
}

impl Shelf {
    fn new(version: i64) -> Self {
        Self {
            version,
            epoch: 0,
            tokens: HashMap::new(),
            flights: HashMap::new(),
            principal: None,
            grant: Arc::default(),
        }
    }

    fn clear(&mut self) {
        self.epoch += 1;
        self.tokens.clear();
        self.flights.clear();
        self.principal = None;
    }
}

impl Issued {
    /// Exchange refuses tokens in their last ten minutes ("Token will expire soon", facts 6.6); Graph's are
    /// renewed in their last tenth. A token that lives shorter than that is used for a fifth of its life,
    /// or each use would fetch another.
    fn renew_at(&self, resource: Resource) -> OffsetDateTime {
        let life = self.expires_at - self.obtained_at;
        let margin = match resource {
            Resource::Outlook => SMTP_MARGIN.min(life * 4 / 5),
            Resource::Graph | Resource::Mailbox => GRAPH_MARGIN.min(life / 10),
        };
        self.expires_at - margin
    }
}

/// Before a token's end, for Exchange.
const SMTP_MARGIN: Duration = Duration::minutes(10);
/// At most this early, for Graph.
const GRAPH_MARGIN: Duration = Duration::minutes(5);
/// A token that ends in less isn't worth sending.
const LAST_MOMENT: Duration = Duration::seconds(30);

/// The account's shelf, cleared where the account is newer than it; an older account is refused.
fn shelf_of<'a>(
    shelves: &'a mut HashMap<String, Shelf>,
    account: &Account,
) -> Result<&'a mut Shelf, Failure> {
    let shelf = shelves.entry(account.id.clone()).or_insert_with(|| Shelf::new(account.version));
    if account.version < shelf.version {
        return Err(account_changed());
    }
    if account.version > shelf.version {
        shelf.version = account.version;
        shelf.clear();
    }
    Ok(shelf)
}

/// Neither landed nor lost: a task that died leaves a closed channel behind.
fn is_in_the_air(flight: &Flight) -> bool {
    flight.has_changed().is_ok() && flight.borrow().is_none()
}

async fn land(mut flight: Flight) -> Result<Issued, Failure> {
    let landed = flight.wait_for(Option::is_some).await.map_err(|_| interrupted())?;
    landed.clone().expect("it was waited for until it is there")
}

/// A change of the account isn't smoothed over with a token of the old settings.
fn is_about_us(failure: &Failure) -> bool {
    matches!(failure, Failure::Local(trouble) if trouble.code == "account_changed")
}

fn interrupted() -> Failure {
    LocalTrouble::new(
        "interrupted",
        "fetching a token was interrupted",
        "Nothing to do: it will be tried again.",
    )
    .into()
}

fn needs_sign_in() -> Failure {
    LocalTrouble::new(
        "needs_sign_in",
        "nobody has signed in for this account yet",
        "Press Authorize now, or run: postern account authorize",
    )
    .into()
}

#[cfg(test)]
mod tests;
