//! What an application may do with one mailbox (facts 5.5): concurrent calls, calls in ten minutes, bytes
//! in five. Counted under the tenant's clock, refused with 429 and the time after which it will do.

use super::refusal::{self, Refusal};
use crate::tenant::Tenant;
use crate::window::Window;
use std::collections::HashMap;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

const REQUESTS_WINDOW: Duration = Duration::minutes(10);
const UPLOAD_WINDOW: Duration = Duration::minutes(5);

/// An application and a mailbox.
pub(super) type Pair = (String, Uuid);

/// What each pair has used.
#[derive(Debug, Default)]
pub(super) struct Usages(HashMap<Pair, Usage>);

#[derive(Debug, Default)]
struct Usage {
    in_flight: u32,
    requests: Window,
    uploaded: Window,
}

/// A place among the concurrent calls of a pair, until it is dropped.
pub(super) struct Place<'a> {
    tenant: &'a Tenant,
    pair: Pair,
}

impl<'a> Place<'a> {
    /// Takes a place for a call that brings so many bytes.
    pub(super) fn take(tenant: &'a Tenant, pair: Pair, bytes: u64) -> Result<Self, Refusal> {
        let now = tenant.now();
        let mut state = tenant.lock();
        let switches = &state.world.switches;
        let (concurrency, requests, upload) = (
            switches.graph_concurrency,
            switches.graph_requests_per_10_minutes,
            switches.graph_upload_bytes_per_5_minutes,
        );
        let usage = state.graph.usages.0.entry(pair.clone()).or_default();
        if usage.in_flight >= concurrency {
            return Err(refusal::over_concurrency());
        }
        let limit = u64::from(requests);
        if limit > 0 && usage.requests.sum(now, REQUESTS_WINDOW) >= limit {
            return Err(refusal::over_requests(seconds(usage.requests.wait(now, REQUESTS_WINDOW, 1, limit))));
        }
        if upload > 0 && usage.uploaded.sum(now, UPLOAD_WINDOW) + bytes > upload {
            return Err(refusal::over_upload(seconds(usage.uploaded.wait(
                now,
                UPLOAD_WINDOW,
                bytes,
                upload,
            ))));
        }
        usage.count(now, bytes);
        Ok(Self { tenant, pair })
    }
}

impl Usage {
    fn count(&mut self, now: OffsetDateTime, bytes: u64) {
        self.in_flight += 1;
        self.requests.add(now, 1);
        if bytes > 0 {
            self.uploaded.add(now, bytes);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.tenant.lock();
        if let Some(usage) = state.graph.usages.0.get_mut(&self.pair) {
            usage.in_flight = usage.in_flight.saturating_sub(1);
        }
    }
}

/// Whole seconds, rounded up, at least one.
fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.whole_seconds() + 1).unwrap_or(1)
}
