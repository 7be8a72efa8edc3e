//! The clerk: the one task that writes what machines ask of the queue. All that lies on its desk when its turn to write
//! comes goes into one transaction, so that a hundred who wait share one flush of the disk. How an attempt ended is waited for
//! by nobody, and lies a moment longer so that it needs no flush of its own. It must never answer before the commit, nor let
//! one bad request sink the others. Its neighbours are the calls of [`Queue`](super::Queue), which put
//! their requests on the desk, and `batch`, which knows what a transaction of many holds.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::batch::{Batch, Done, Tools};
use super::lanes::{Awarded, Bid, LaneId, Ring};
use super::message::{AcceptError, Accepted, ClaimKey, Lease, NewMessage, Node};
use super::settlement::{SettleError, Settlement};
use crate::database::Change;
use crate::engine::{Among, Engine};
use crate::failure::StoreError;

/// How many requests one transaction takes at most, and how many octets of content: a batch should not last much longer
/// than the flush at its end.
const MOST_REQUESTS: usize = 256;
const MOST_OCTETS: usize = 4 * 1024 * 1024;
/// How long what nobody waits for lies on the desk until others come, with whom it shares a commit. In so much time more a
/// crash makes the outcome of an attempt unknown.
const PATIENCE: Duration = Duration::from_millis(3);
/// How many requests may lie on the desk before whoever comes next has to wait.
const DESK_SIZE: usize = 1024;

/// Where requests are put. Clones share the desk.
#[derive(Debug, Clone)]
pub(crate) struct Desk(mpsc::Sender<Letter>);

/// What is asked.
#[derive(Debug)]
pub(super) enum Request {
    Accept(Box<NewMessage>, Option<Lease>),
    Claim(Bid),
    Settle(Box<Settlement>),
    Extend(Vec<ClaimKey>, Lease),
    Piece { id: uuid::Uuid, index: u32, octets: bytes::Bytes, now: time::OffsetDateTime },
    Discard(uuid::Uuid),
    Keep(Node, Vec<(LaneId, Value)>),
}

/// What is answered, once it is on disk.
#[derive(Debug)]
pub(super) enum Answer {
    Accepted(Result<Accepted, AcceptError>),
    Claimed(Awarded),
    Settled(Result<(), SettleError>),
    Extended(Vec<ClaimKey>),
    Written,
}

/// A request with the way back.
#[derive(Debug)]
struct Letter {
    request: Request,
    reply: oneshot::Sender<Result<Answer, StoreError>>,
}

impl Desk {
    /// Sets a clerk to work. It goes home when the last desk is gone.
    pub(crate) fn open(engine: Engine, bell: broadcast::Sender<Ring>) -> Self {
        let (desk, letters) = mpsc::channel(DESK_SIZE);
        tokio::spawn(work(Office { engine, bell }, letters));
        Self(desk)
    }

    /// Hands a request in and waits for the answer.
    pub(super) async fn ask(&self, request: Request) -> Result<Answer, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Letter { request, reply }).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

impl Request {
    /// How many octets of content it brings.
    fn octets(&self) -> usize {
        match self {
            Self::Accept(offer, _) => offer.content.octets(),
            Self::Piece { octets, .. } => octets.len(),
            _ => 0,
        }
    }

    /// Whether nobody waits for it: the lane goes on before an attempt's end is written.
    fn is_patient(&self) -> bool {
        matches!(self, Self::Settle(_))
    }
}

/// Where the clerk works.
struct Office {
    engine: Engine,
    bell: broadcast::Sender<Ring>,
}

impl Office {
    async fn begin(&self) -> Result<Change, StoreError> {
        Change::begin(&self.engine, Among::ItsRows, &self.bell).await
    }
}

async fn work(office: Office, mut letters: mpsc::Receiver<Letter>) {
    let mut tools = Tools::default();
    while let Some(first) = letters.recv().await {
        let mut batch = vec![first];
        // Nothing is lost where the time is over: what has come lies in the batch.
        let _ = tokio::time::timeout(PATIENCE, wait_for_company(&mut letters, &mut batch)).await;
        let turn = office.begin().await;
        gather(&mut letters, &mut batch);
        match turn {
            Ok(change) => write_all(&office, change, &mut tools, batch).await,
            Err(error) => refuse_all(batch, &error),
        }
    }
}

/// Comes back when somebody waits for an answer.
async fn wait_for_company(letters: &mut mpsc::Receiver<Letter>, batch: &mut Vec<Letter>) {
    while batch.len() < MOST_REQUESTS && batch.iter().all(|letter| letter.request.is_patient()) {
        let Some(letter) = letters.recv().await else { return };
        batch.push(letter);
    }
}

/// Takes what has come meanwhile.
fn gather(letters: &mut mpsc::Receiver<Letter>, batch: &mut Vec<Letter>) {
    let mut octets: usize = batch.iter().map(|letter| letter.request.octets()).sum();
    while batch.len() < MOST_REQUESTS && octets < MOST_OCTETS {
        let Ok(letter) = letters.try_recv() else { return };
        octets += letter.request.octets();
        batch.push(letter);
    }
}

/// Writes them in one transaction; if the database refuses one of them, each in its own.
async fn write_all(office: &Office, change: Change, tools: &mut Tools, batch: Vec<Letter>) {
    let (requests, replies): (Vec<_>, Vec<_>) =
        batch.into_iter().map(|letter| (letter.request, letter.reply)).unzip();
    match write(change, tools, &requests).await {
        Ok(done) => {
            for ((request, reply), done) in requests.into_iter().zip(replies).zip(done) {
                // Whoever has gone away meanwhile doesn't read it: it is done all the same.
                let _ = reply.send(Ok(done.answer(request)));
            }
        }
        Err(error) if requests.len() > 1 && concerns_one(&error) => {
            for (request, reply) in requests.into_iter().zip(replies) {
                let alone = vec![Letter { request, reply }];
                match office.begin().await {
                    Ok(change) => Box::pin(write_all(office, change, tools, alone)).await,
                    Err(error) => refuse_all(alone, &error),
                }
            }
        }
        Err(error) => {
            for reply in replies {
                let _ = reply.send(Err(error.clone()));
            }
        }
    }
}

async fn write(mut change: Change, tools: &mut Tools, requests: &[Request]) -> Result<Vec<Done>, StoreError> {
    let mut batch = Batch::new(&mut change, tools);
    let done = batch.write(requests).await?;
    let lanes = batch.finish().await?;
    change.commit().await?;
    tools.learn(lanes);
    Ok(done)
}

fn refuse_all(batch: Vec<Letter>, error: &StoreError) {
    for letter in batch {
        let _ = letter.reply.send(Err(error.clone()));
    }
}

/// Whether it may be the fault of one request, so that the others can be done without it. A disk that is full or failing
/// is nobody's.
fn concerns_one(error: &StoreError) -> bool {
    matches!(error, StoreError::Unexpected { .. } | StoreError::Busy { .. } | StoreError::Corrupt(_))
}
