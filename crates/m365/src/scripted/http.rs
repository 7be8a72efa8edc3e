//! An HTTP/1.1 server that gives written answers, one a request, and keeps what was asked.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What to do with a request.
#[derive(Debug, Clone)]
pub(crate) enum Play {
    /// Read it whole, then answer.
    Answer(Answer),
    /// Read it whole, then hang up.
    HangUp,
    /// Read it whole, and say nothing until the client leaves.
    Silence,
    /// Read so many octets of the body, then hang up.
    CutAfter(usize),
    /// Read nothing of the body, answer at once, and take the rest in.
    AnswerEarly(Answer),
}

/// An answer: status, headers, body. `{self}` in the body becomes the server's own address.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `POST /v1.0/me/sendMail`.
    pub(crate) line: String,
    /// Lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// A running server.
pub(crate) struct ScriptedHttp {
    pub(crate) url: String,
    played: JoinHandle<Vec<Request>>,
}

pub(crate) fn answer(status: u16, body: &str) -> Play {
    Play::Answer(Answer { status, headers: Vec::new(), body: body.to_owned() })
}

pub(crate) fn answer_with(status: u16, headers: &[(&'static str, &str)], body: &str) -> Play {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Play::Answer(Answer { status, headers, body: body.to_owned() })
}

impl ScriptedHttp {
    /// Gives `plays` to the requests in order; one request a connection. Ends after the last.
    pub(crate) async fn play(plays: impl IntoIterator<Item = Play>) -> ScriptedHttp {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let plays: Vec<Play> = plays.into_iter().map(|play| play.at(&url)).collect();
        let played = tokio::spawn(async move {
            let mut requests = Vec::new();
            for play in plays {
                let (stream, _) = listener.accept().await.unwrap();
                requests.push(serve(stream, play).await);
            }
            requests
        });
        ScriptedHttp { url, played }
    }

    /// What was asked, once every play has been used.
    pub(crate) async fn requests(self) -> Vec<Request> {
        self.played.await.expect("the server came to its end")
    }
}

impl Play {
    fn at(self, url: &str) -> Play {
        match self {
            Play::Answer(answer) => {
                Play::Answer(Answer { body: answer.body.replace("{self}", url), ..answer })
            }
            other => other,
        }
    }
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

async fn serve(mut stream: TcpStream, play: Play) -> Request {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the request has no end");
    };
    let mut request = read_head(std::str::from_utf8(&bytes[..head_end]).unwrap());
    let length: usize = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = bytes.split_off(head_end + 4);
    if let Play::AnswerEarly(answer) = &play {
        stream.write_all(answer.to_bytes().as_slice()).await.unwrap();
    }
    let wanted = match play {
        Play::CutAfter(octets) => octets.min(length),
        _ => length,
    };
    while body.len() < wanted {
        let read = stream.read_buf(&mut body).await.unwrap();
        if read == 0 && matches!(play, Play::AnswerEarly(_)) {
            break;
        }
        assert_ne!(read, 0, "the body has no end");
    }
    request.body = String::from_utf8(body).unwrap();
    match play {
        Play::Answer(answer) => stream.write_all(answer.to_bytes().as_slice()).await.unwrap(),
        Play::Silence => {
            while stream.read_buf(&mut Vec::with_capacity(1)).await.is_ok_and(|read| read > 0) {}
        }
        Play::HangUp | Play::CutAfter(_) | Play::AnswerEarly(_) => {}
    }
    request
}

fn read_head(head: &str) -> Request {
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Request { line, headers, body: String::new() }
}

impl Answer {
    fn to_bytes(&self) -> Vec<u8> {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = self.body.len();
        format!(
            "HTTP/1.1 {} X\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{}",
            self.status, self.body
        )
        .into_bytes()
    }
}
