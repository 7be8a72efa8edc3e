//! Bytes to and from an SMTP server, with a time limit on everything and a bound on what is kept.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::reply::{BadReply, Reply, take_reply};
use crate::failure::{Failure, NetworkKind, NetworkTrouble};

/// A connection and what was read from it but not yet understood.
pub(super) struct Wire<S> {
    stream: S,
    unread: Vec<u8>,
    /// `host:port`, for errors.
    target: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S, target: &str) -> Self {
        Wire { stream, unread: Vec::new(), target: target.to_owned() }
    }

    /// The bare stream, and whether the other side has said something that nobody asked for.
    pub(super) fn into_stream(self) -> (S, bool) {
        (self.stream, !self.unread.is_empty())
    }

    /// Says one line (with its CRLF) and waits for the reply.
    pub(super) async fn ask(&mut self, line: &[u8], limit: Duration) -> Result<Reply, NetworkTrouble> {
        self.send(line, limit).await?;
        self.read_reply(limit).await
    }

    pub(super) async fn send(&mut self, bytes: &[u8], limit: Duration) -> Result<(), NetworkTrouble> {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout(limit, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.lost(&error)),
            Err(_) => Err(self.too_slow(limit)),
        }
    }

    pub(super) async fn read_reply(&mut self, limit: Duration) -> Result<Reply, NetworkTrouble> {
        match timeout(limit, self.read_unlimited()).await {
            Ok(reply) => reply,
            Err(_) => Err(self.too_slow(limit)),
        }
    }

    async fn read_unlimited(&mut self) -> Result<Reply, NetworkTrouble> {
        loop {
            if let Some(reply) = take_reply(&mut self.unread).map_err(|bad| self.unreadable(&bad))? {
                return Ok(reply);
            }
            match self.stream.read_buf(&mut self.unread).await {
                Ok(0) => return Err(self.trouble(NetworkKind::Reset, "the server closed the connection")),
                Ok(_) => {}
                Err(error) => return Err(self.lost(&error)),
            }
        }
    }

    fn unreadable(&self, bad: &BadReply) -> NetworkTrouble {
        let detail = match bad {
            BadReply::NotSmtp { excerpt } => format!("this is not an SMTP reply: {excerpt:?}"),
            BadReply::TooLong => "the reply is longer than any SMTP server's".to_owned(),
        };
        self.trouble(NetworkKind::Unreadable, &detail)
    }

    fn lost(&self, error: &io::Error) -> NetworkTrouble {
        match error.kind() {
            // The TLS library's words point to its own manual.
            io::ErrorKind::UnexpectedEof => {
                self.trouble(NetworkKind::Reset, "the server closed the connection")
            }
            _ => self.trouble(NetworkKind::Reset, &error.to_string()),
        }
    }

    fn too_slow(&self, limit: Duration) -> NetworkTrouble {
        self.trouble(NetworkKind::Timeout, &format!("nothing within {} seconds", limit.as_secs_f32()))
    }

    fn trouble(&self, kind: NetworkKind, detail: &str) -> NetworkTrouble {
        NetworkTrouble::new(self.target.as_str(), kind, detail)
    }
}

/// The answer to the whole message is lost: nobody knows whether it was accepted.
pub(super) fn after_last_byte(trouble: NetworkTrouble) -> Failure {
    NetworkTrouble { kind: NetworkKind::AfterLastByte, ..trouble }.into()
}
