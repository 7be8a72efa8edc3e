//! Bytes of a connection: lines, message data, chunks; each with a limit and a time-out.
//! Only CRLF.CRLF ends message data (facts 11). What was read ahead is dropped with the wire, so nothing
//! that came before STARTTLS survives it.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// AUTH lines carry whole tokens: facts 6.3 ask for 12,288 octets and more.
const MAX_LINE: usize = 65_536;
/// What doesn't move for so long in real time is given up, in the middle of a message too.
const IDLE: Duration = Duration::from_secs(300);

/// Why a line or message couldn't be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("idle for five minutes")]
    Idle,
    #[error("a line is too long")]
    LineTooLong,
    #[error(transparent)]
    Io(#[from] io::Error),
}

pub(super) struct Wire<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The stream; what was read ahead is dropped.
    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    pub(super) async fn write(&mut self, text: &str) -> Result<(), WireError> {
        timeout(IDLE, self.stream.write_all(text.as_bytes())).await.map_err(|_| WireError::Idle)??;
        timeout(IDLE, self.stream.flush()).await.map_err(|_| WireError::Idle)??;
        Ok(())
    }

    /// One line without its end; None when the peer has closed.
    pub(super) async fn read_line(&mut self) -> Result<Option<String>, WireError> {
        let mut from = 0;
        loop {
            if let Some(at) = self.buffer[from..].iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=from + at).collect();
                let line = line.strip_suffix(b"\n").unwrap_or(&line);
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                return Ok(Some(String::from_utf8_lossy(line).into_owned()));
            }
            from = self.buffer.len();
            if from > MAX_LINE {
                return Err(WireError::LineTooLong);
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The data of a DATA command, dots taken out; None when it is over `limit` (it is read to its end).
    pub(super) async fn read_data(&mut self, limit: usize) -> Result<Option<Vec<u8>>, WireError> {
        const END: &[u8] = b"\r\n.\r\n";
        let mut data = b"\r\n".to_vec();
        let mut over = false;
        loop {
            let from = data.len().saturating_sub(END.len() - 1);
            data.append(&mut self.buffer);
            if let Some(at) = find(&data[from..], END) {
                let end = from + at;
                self.buffer = data.split_off(end + END.len());
                data.truncate(end + 2);
                return Ok((!over && data.len() - 2 <= limit).then(|| without_dots(&data)));
            }
            if data.len() > limit + 2 {
                over = true;
                data.drain(..data.len() - (END.len() - 1));
            }
            if self.fill().await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    /// Exactly `size` bytes of a BDAT chunk; those that don't fit into `room` are read and dropped.
    pub(super) async fn read_chunk(&mut self, size: usize, room: usize) -> Result<Vec<u8>, WireError> {
        let mut kept = Vec::new();
        let mut left = size;
        while left > 0 {
            if self.buffer.is_empty() && self.fill().await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            let take = left.min(self.buffer.len());
            let part = self.buffer.drain(..take);
            if kept.len() + take <= room {
                kept.extend(part);
            }
            left -= take;
        }
        Ok(kept)
    }

    async fn fill(&mut self) -> Result<usize, WireError> {
        let mut part = vec![0; 16_384];
        let count = timeout(IDLE, self.stream.read(&mut part)).await.map_err(|_| WireError::Idle)??;
        self.buffer.extend_from_slice(&part[..count]);
        Ok(count)
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// RFC 5321, 4.5.2; `data` starts with the CRLF that stands before the first line.
fn without_dots(data: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(data.len());
    let mut at = 2;
    while at < data.len() {
        if data[at] == b'.' && data[at - 2..at] == *b"\r\n" {
            at += 1;
            continue_line(data, &mut at, &mut plain);
        } else {
            plain.push(data[at]);
            at += 1;
        }
    }
    plain
}

/// Copies the byte after a dot that was taken out, so that a second dot stays.
fn continue_line(data: &[u8], at: &mut usize, plain: &mut Vec<u8>) {
    if let Some(byte) = data.get(*at) {
        plain.push(*byte);
        *at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn data_of(sent: &[u8], limit: usize) -> (Option<Vec<u8>>, Option<String>) {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        client.write_all(sent).await.unwrap();
        drop(client);
        let mut wire = Wire::new(server);
        let data = wire.read_data(limit).await.unwrap();
        (data, wire.read_line().await.unwrap())
    }

    #[tokio::test]
    async fn only_crlf_dot_crlf_ends_the_data() {
        let sent = b"a\n.\nb\r\n.\nc\n.\r\nd\r.\re\r\n.\r\nQUIT\r\n";
        let (data, next) = data_of(sent, 1000).await;
        assert_eq!(data.unwrap(), b"a\n.\nb\r\n\nc\n.\r\nd\r.\re\r\n");
        assert_eq!(next.unwrap(), "QUIT");
    }

    #[tokio::test]
    async fn doubled_dots_are_taken_back_and_an_empty_message_is_empty() {
        assert_eq!(data_of(b"..a\r\n...\r\nb.\r\n.\r\n", 1000).await.0.unwrap(), b".a\r\n..\r\nb.\r\n");
        assert_eq!(data_of(b".\r\n", 1000).await.0.unwrap(), b"");
    }

    #[tokio::test]
    async fn data_over_the_limit_is_read_to_its_end_and_dropped() {
        let mut sent = vec![b'x'; 100_000];
        sent.extend_from_slice(b"\r\n.\r\nNOOP\r\n");
        let (data, next) = data_of(&sent, 1000).await;
        assert_eq!(data, None);
        assert_eq!(next.unwrap(), "NOOP");
    }
}
