//! Server-sent events (WHATWG HTML, section 9.2.6), as far as a program needs them: event and data.

use http_body_util::BodyExt;
use serde_json::Value;
use std::collections::VecDeque;
use std::time::Duration;

use super::{Body, Failure, broken_off, parse, too_slow, unexpected};

/// An event's data is never larger; without this a server could fill our memory.
const EVENT_LIMIT_BYTES: usize = 1024 * 1024;

/// One event: its name and its data.
#[derive(Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// Events as they arrive.
pub(crate) struct EventStream {
    body: Option<Body>,
    parser: Parser,
    ready: VecDeque<Event>,
    patience: Duration,
}

impl EventStream {
    /// `patience` is the longest silence between two pieces.
    pub(super) fn live(body: Body, patience: Duration) -> Self {
        Self { body: Some(body), parser: Parser::default(), ready: VecDeque::new(), patience }
    }

    /// A stream of the one event `report`.
    pub(super) fn of_report(data: Value) -> Self {
        let report = Event { name: "report".to_owned(), data };
        Self {
            body: None,
            parser: Parser::default(),
            ready: VecDeque::from([report]),
            patience: Duration::ZERO,
        }
    }

    /// The next event; `None` when the server has ended the stream.
    ///
    /// # Errors
    /// The connection broke, the server fell silent, or sent something else than events.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let Some(body) = &mut self.body else {
                return Ok(None);
            };
            let frame = tokio::time::timeout(self.patience, body.frame())
                .await
                .map_err(|_| too_slow(self.patience))?;
            match frame {
                None => self.body = None,
                Some(Err(error)) => return Err(broken_off(&error.to_string())),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.parser.feed(&bytes, &mut self.ready)?;
                    }
                }
            }
        }
    }
}

#[derive(Default)]
struct Parser {
    line: Vec<u8>,
    name: String,
    data: String,
}

impl Parser {
    fn feed(&mut self, bytes: &[u8], ready: &mut VecDeque<Event>) -> Result<(), Failure> {
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                if self.line.len() + self.data.len() > EVENT_LIMIT_BYTES {
                    return Err(unexpected("an event that is too large"));
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if let Some(event) = self.take_line(&String::from_utf8_lossy(line))? {
                ready.push_back(event);
            }
        }
        Ok(())
    }

    fn take_line(&mut self, line: &str) -> Result<Option<Event>, Failure> {
        if line.is_empty() {
            return self.finish();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // A comment (keep-alive), an id, a retry time.
            _ => {}
        }
        Ok(None)
    }

    fn finish(&mut self) -> Result<Option<Event>, Failure> {
        let name = std::mem::take(&mut self.name);
        let data = std::mem::take(&mut self.data);
        if data.is_empty() {
            return Ok(None);
        }
        Ok(Some(Event { name, data: parse(data.as_bytes())? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn events(pieces: &[&str]) -> Vec<Event> {
        let (mut parser, mut ready) = (Parser::default(), VecDeque::new());
        for piece in pieces {
            parser.feed(piece.as_bytes(), &mut ready).unwrap();
        }
        ready.into()
    }

    #[test]
    fn events_are_read_however_they_are_cut_into_pieces() {
        let found = events(&[
            "event: sta",
            "ge\r\nda",
            "ta: {\"name\":\r\ndata: \"token\"}\r\n\r",
            "\n: keep-alive\n\nevent:report\ndata:{}\n\n",
        ]);
        assert_eq!(
            found,
            [
                Event { name: "stage".into(), data: json!({"name": "token"}) },
                Event { name: "report".into(), data: json!({}) },
            ]
        );
    }

    #[test]
    fn an_event_that_is_not_json_or_never_ends_is_refused() {
        let (mut parser, mut ready) = (Parser::default(), VecDeque::new());
        assert!(parser.feed(b"data: <html>\n\n", &mut ready).is_err());
        let endless = vec![b'x'; EVENT_LIMIT_BYTES + 1];
        assert!(parser.feed(&endless, &mut ready).is_err());
    }
}
