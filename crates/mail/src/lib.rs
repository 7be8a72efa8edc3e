//! What a message is: who it is from and for, what it is called, and how a try to deliver it ended.
//!
//! Nothing here does I/O, reads a clock or draws random numbers. Neighbours: the rooms that take mail in
//! and the room that brings it to Microsoft; both speak in these words.

mod address;
pub mod compose;
mod date;
pub mod dsn;
pub mod dsn_request;
mod envelope;
pub mod header;
mod line_ends;
mod message_id;
mod outcome;
mod received;
pub mod retry;
pub mod test_message;
mod traits;

pub use address::{Address, InvalidAddress};
pub use envelope::{Envelope, NoRecipients};
pub use line_ends::{InvalidLine, LineEnds};
pub use message_id::{InvalidMessageId, MessageId};
pub use outcome::{Attempted, Outcome, Reason, RecipientOutcome, Scope};
pub use received::{Origin, Received};
pub use traits::Traits;
