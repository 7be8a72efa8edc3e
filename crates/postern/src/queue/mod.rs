//! The main corridor: a message in, its way to Microsoft, and what became of it. It must never say that it has taken a
//! message before that is on disk, send a byte to Microsoft before the attempt is, or let one mailbox's trouble delay
//! another's. Neighbours: `submission` and the API hand messages in, `store::queue` keeps them, `m365::courier` brings
//! them to Microsoft.
//!
//! ```text
//! door, API ─▶ accept (header, route, commit) ─▶ traffic (places) ─▶ worker ─▶ courier ─▶ settle ─▶ store, report, events
//! ```

pub mod dispatcher;
pub mod limits;
pub mod route;
pub mod traffic;
