//! An SMTP server that plays a dialog written as text, a step a line:
//!
//! `S: text` says a line · `RAW: text` says bytes as they are (`\r\n` written so) · `C: text` wants exactly
//! this line · `C~ text` wants a line that begins so · `TLS` shakes hands · `MESSAGE` reads up to the final
//! dot · `CHUNK` reads as many octets as the last line, a `BDAT`, announced · `READ n` reads so many octets ·
//! `REST` reads whatever comes until the client leaves · `CLOSE` hangs up · `SILENCE` says nothing more and waits for the client to leave · `RECONNECT` waits
//! for the next connection.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What the server heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Every line, without its CRLF; not those of messages.
    pub(crate) lines: Vec<String>,
    /// Every message, still stuffed, without the final dot.
    pub(crate) messages: Vec<String>,
}

/// A running script.
pub(crate) struct ScriptedSmtp {
    pub(crate) port: u16,
    played: JoinHandle<Heard>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl ScriptedSmtp {
    /// Plays `script`, with a certificate for `name`.
    pub(crate) async fn play_as(name: &str, script: &str) -> ScriptedSmtp {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(super::server_tls(name)));
        let dialogs: Vec<Vec<String>> = script.split("RECONNECT").map(read_steps).collect();
        let played = tokio::spawn(async move {
            let mut heard = Heard::default();
            for steps in dialogs {
                let (stream, _) = listener.accept().await.unwrap();
                play(stream, &acceptor, &steps, &mut heard).await;
            }
            heard
        });
        ScriptedSmtp { port, played }
    }

    pub(crate) async fn play(script: &str) -> ScriptedSmtp {
        Self::play_as("localhost", script).await
    }

    /// What was heard; fails the test where the client left the script.
    pub(crate) async fn heard(self) -> Heard {
        self.played.await.expect("the client kept to the script")
    }
}

fn read_steps(dialog: &str) -> Vec<String> {
    dialog.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

async fn play(stream: TcpStream, acceptor: &TlsAcceptor, steps: &[String], heard: &mut Heard) {
    let until_tls = steps.iter().position(|step| step == "TLS").unwrap_or(steps.len());
    let mut plain = BufReader::new(stream);
    if !say_and_hear(&mut plain, &steps[..until_tls], heard).await || until_tls == steps.len() {
        return;
    }
    assert!(plain.buffer().is_empty(), "the client spoke before TLS");
    // A client that doesn't trust us ends the handshake: that is for the client's test to judge.
    if let Ok(stream) = acceptor.accept(plain.into_inner()).await {
        say_and_hear(&mut BufReader::new(stream), &steps[until_tls + 1..], heard).await;
    }
}

/// False when the dialog is over.
async fn say_and_hear<S: Stream>(stream: &mut BufReader<S>, steps: &[String], heard: &mut Heard) -> bool {
    for step in steps {
        let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
        match verb {
            "S:" => say(stream, &format!("{rest}\r\n")).await,
            "RAW:" => say(stream, &rest.replace("\\r\\n", "\r\n")).await,
            "C:" => assert_eq!(hear(stream, heard).await.as_deref(), Some(rest), "in {steps:#?}"),
            "C~" => {
                let line = hear(stream, heard).await.unwrap_or_default();
                assert!(line.starts_with(rest), "{line:?} instead of {rest:?} in {steps:#?}");
            }
            "MESSAGE" => hear_message(stream, heard).await,
            "CHUNK" => {
                let announced = heard.lines.last().and_then(|line| line.split(' ').nth(1)).unwrap();
                hear_octets(stream, announced.parse().unwrap(), heard).await;
            }
            "READ" => hear_octets(stream, rest.parse().unwrap(), heard).await,
            "REST" => {
                let mut octets = Vec::new();
                // A client that hangs up without saying so by TLS has hung up.
                let _ = stream.read_to_end(&mut octets).await;
                heard.messages.push(String::from_utf8(octets).unwrap());
            }
            "SILENCE" => while hear(stream, heard).await.is_some() {},
            "CLOSE" => return false,
            _ => panic!("the script has no step {step:?}"),
        }
    }
    true
}

async fn say<S: Stream>(stream: &mut BufReader<S>, text: &str) {
    // A client may have hung up already, which its own test judges.
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.flush().await;
}

async fn hear<S: Stream>(stream: &mut BufReader<S>, heard: &mut Heard) -> Option<String> {
    let mut line = String::new();
    match stream.read_line(&mut line).await {
        Ok(0) | Err(_) => None,
        Ok(_) => {
            let line = line.strip_suffix("\r\n").expect("the client ends its lines with CRLF").to_owned();
            heard.lines.push(line.clone());
            Some(line)
        }
    }
}

async fn hear_octets<S: Stream>(stream: &mut BufReader<S>, length: usize, heard: &mut Heard) {
    let mut octets = vec![0; length];
    stream.read_exact(&mut octets).await.expect("as many octets as were announced");
    heard.messages.push(String::from_utf8(octets).unwrap());
}

async fn hear_message<S: Stream>(stream: &mut BufReader<S>, heard: &mut Heard) {
    let mut message = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(stream.read_line(&mut line).await.unwrap(), 0, "the message has no end");
        if line == ".\r\n" {
            return heard.messages.push(message);
        }
        message += &line;
    }
}
