//! How many messages are in the queue, counted no more often than it can be borne: counting looks at every message that
//! was not sent, and those who ask may be many. Its neighbours are the store, which counts, and the API, which shows.

use std::sync::Arc;
use std::time::Duration;

use store::queue::Count;
use store::{Store, StoreError};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The last count.
#[derive(Debug, Default)]
pub struct Stock(Mutex<Option<Counted>>);

#[derive(Debug)]
struct Counted {
    counts: Arc<[Count]>,
    at: Instant,
    took: Duration,
}

/// A count may be older by so many times the time that it took: counting costs a tenth of one core at most, and what is
/// counted quickly is always new.
const REST: u32 = 10;

impl Stock {
    /// How many messages each account has in each state but sent. Who asks while somebody counts gets that count.
    pub async fn counts(&self, store: &Store) -> Result<Arc<[Count]>, StoreError> {
        let mut last = self.0.lock().await;
        if let Some(counted) = &*last
            && counted.at.elapsed() < counted.took * REST
        {
            return Ok(Arc::clone(&counted.counts));
        }
        let began = Instant::now();
        let counts: Arc<[Count]> = store.queue().counts().await?.into();
        *last = Some(Counted { counts: Arc::clone(&counts), at: Instant::now(), took: began.elapsed() });
        Ok(counts)
    }
}
