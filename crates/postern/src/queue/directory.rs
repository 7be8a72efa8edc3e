//! What the doors and the workers must know at every message, kept in memory: accounts and submitters. It is read anew
//! when something has been changed here, and every few seconds because another node may have changed it. It holds opened
//! accounts no longer than that. Its neighbours are `door`, `accept` and `worker`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use m365::account::Account as OpenAccount;
use mail::Address;
use store::{AccountRow, Page, SignIn, StoreError, SubmitterRow, Transport};
use uuid::Uuid;

use super::limits::Way;
use super::network::Network;
use super::route::{Permit, Sender, SenderPattern};
use crate::app::App;
use crate::problem::Problem;
use crate::{accounts, events};

/// How long what was read counts.
const FRESH_FOR: Duration = Duration::from_secs(5);

/// The memory.
#[derive(Debug, Default)]
pub struct Directory {
    /// Counts the changes: what was read before the last one isn't kept.
    changes: AtomicU64,
    senders: Kept<Arc<Vec<Sender>>>,
    submitters: Kept<Arc<Submitters>>,
    opened: Mutex<HashMap<Uuid, (Instant, Arc<Opened>)>>,
}

#[derive(Debug)]
struct Kept<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

/// An account that is ready to work with.
#[derive(Debug)]
pub struct Opened {
    /// The row that it was opened from.
    pub row: AccountRow,
    /// It.
    pub account: Arc<OpenAccount>,
}

impl Opened {
    /// The door that its mail usually goes by.
    pub fn usual(&self) -> Way {
        way_of(self.row.transport)
    }
}

/// All submitters that may hand mail over at present.
#[derive(Debug, Default)]
pub struct Submitters {
    by_id: HashMap<Uuid, Arc<SubmitterRow>>,
    by_user: HashMap<String, Arc<SubmitterRow>>,
    by_network: Vec<(Network, Arc<SubmitterRow>)>,
    by_uid: HashMap<u32, Arc<SubmitterRow>>,
}

impl Submitters {
    /// The one with this id.
    pub fn find(&self, id: Uuid) -> Option<&Arc<SubmitterRow>> {
        self.by_id.get(&id)
    }

    /// The one that logs in by this name, whatever the case.
    pub fn find_user(&self, user: &str) -> Option<&Arc<SubmitterRow>> {
        self.by_user.get(&user.to_lowercase())
    }

    /// The one that this address belongs to; the narrowest network counts where several hold it.
    pub fn find_address(&self, address: IpAddr) -> Option<&Arc<SubmitterRow>> {
        let holding = self.by_network.iter().filter(|(network, _)| network.contains(address));
        holding.max_by_key(|(network, _)| network.prefix()).map(|(_, submitter)| submitter)
    }

    /// The one that this local user is.
    pub fn find_uid(&self, uid: u32) -> Option<&Arc<SubmitterRow>> {
        self.by_uid.get(&uid)
    }

    /// The local users who may hand mail over.
    pub fn uids(&self) -> impl Iterator<Item = u32> {
        self.by_uid.keys().copied()
    }

    fn of(rows: Vec<SubmitterRow>) -> Self {
        let mut submitters = Self::default();
        for row in rows.into_iter().filter(|row| row.is_enabled) {
            let row = Arc::new(row);
            submitters.by_id.insert(row.id, Arc::clone(&row));
            if let Some(user) = &row.user_name {
                submitters.by_user.insert(user.to_lowercase(), Arc::clone(&row));
            }
            submitters.by_uid.extend(row.uids.iter().map(|uid| (*uid, Arc::clone(&row))));
            let networks = row.networks.iter().filter_map(|text| match text.parse() {
                Ok(network) => Some(network),
                Err(error) => {
                    tracing::error!(submitter = row.name, network = text, %error, "ignoring a submitter's network");
                    None
                }
            });
            submitters.by_network.extend(networks.map(|network| (network, Arc::clone(&row))));
        }
        submitters
    }
}

/// What this submitter may do.
pub fn permit_of(row: &SubmitterRow) -> Permit {
    Permit {
        senders: row.senders.iter().map(|text| SenderPattern::new(text)).collect(),
        foreign_from: row.foreign_from,
        account_id: row.account_id,
    }
}

impl Directory {
    /// All accounts, as routes see them.
    pub async fn senders(&self, app: &App) -> Result<Arc<Vec<Sender>>, StoreError> {
        self.read(&self.senders, async || {
            let mut senders = Vec::new();
            let mut page = Page::first(store::MAX_LIMIT);
            loop {
                let accounts = app.store.accounts().list(&page, None).await?;
                for row in accounts.rows {
                    let grant = app.store.grants().find(row.id).await?;
                    senders.push(sender(&row, grant.as_ref().map(|grant| &grant.user)));
                }
                match accounts.next {
                    Some(cursor) => page.cursor = Some(cursor),
                    None => return Ok(Arc::new(senders)),
                }
            }
        })
        .await
    }

    /// All submitters.
    pub async fn submitters(&self, app: &App) -> Result<Arc<Submitters>, StoreError> {
        self.read(&self.submitters, async || {
            let mut rows = Vec::new();
            let mut page = Page::first(store::MAX_LIMIT);
            loop {
                let submitters = app.store.submitters().list(&page, None).await?;
                rows.extend(submitters.rows);
                match submitters.next {
                    Some(cursor) => page.cursor = Some(cursor),
                    None => return Ok(Arc::new(Submitters::of(rows))),
                }
            }
        })
        .await
    }

    /// An account, opened. `None` where there is none with this id.
    pub async fn open(&self, app: &App, id: Uuid) -> Result<Option<Arc<Opened>>, Problem> {
        if let Some((read_at, opened)) = self.lock_opened().get(&id)
            && read_at.elapsed() < FRESH_FOR
        {
            return Ok(Some(Arc::clone(opened)));
        }
        let changes = self.changes.load(Ordering::Acquire);
        let Some(row) = app.store.accounts().find(&id.to_string()).await? else { return Ok(None) };
        let account = accounts::open(app, &row).await?;
        let opened = Arc::new(Opened { row, account });
        let mut all = self.lock_opened();
        all.retain(|_, (read_at, _)| read_at.elapsed() < FRESH_FOR);
        if changes == self.changes.load(Ordering::Acquire) {
            all.insert(id, (Instant::now(), Arc::clone(&opened)));
        }
        Ok(Some(opened))
    }

    /// Something has been changed: everything is read anew.
    pub fn forget(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        *self.senders.lock() = None;
        *self.submitters.lock() = None;
        self.lock_opened().clear();
    }

    /// Whether this event makes what is kept here stale.
    pub fn is_concerned(event: &events::Event) -> bool {
        matches!(event.what, "accounts" | "certificates" | "authorizations" | "submitters")
    }

    async fn read<T: Clone>(
        &self,
        kept: &Kept<T>,
        read: impl AsyncFnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Some((read_at, value)) = kept.lock().as_ref()
            && read_at.elapsed() < FRESH_FOR
        {
            return Ok(value.clone());
        }
        let changes = self.changes.load(Ordering::Acquire);
        let value = read().await?;
        let mut kept = kept.lock();
        if changes == self.changes.load(Ordering::Acquire) {
            *kept = Some((Instant::now(), value.clone()));
        }
        Ok(value)
    }

    fn lock_opened(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, (Instant, Arc<Opened>)>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Kept<T> {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Instant, T)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn way_of(transport: Transport) -> Way {
    match transport {
        Transport::Graph => Way::Graph,
        Transport::Smtp => Way::Smtp,
    }
}

fn sender(row: &AccountRow, signed_in: Option<&String>) -> Sender {
    let address = |text: Option<&String>| text.and_then(|text| text.parse::<Address>().ok());
    Sender {
        account_id: row.id,
        name: row.name.clone(),
        usual: way_of(row.transport),
        large_mail: row.large_mail,
        mailbox: address(row.from_address.as_ref()).or_else(|| address(signed_in)),
        senders: row.senders.iter().map(|text| SenderPattern::new(text)).collect(),
        sends_as_any_mailbox: row.sign_in == SignIn::Application,
        is_default: row.is_default,
    }
}
