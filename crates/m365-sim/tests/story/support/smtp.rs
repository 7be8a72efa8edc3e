//! An SMTP dialog by hand: one command, one reply.

use super::Lab;
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

pub(crate) struct Dialog {
    stream: BufReader<Box<dyn Stream>>,
    pub(crate) greeting: String,
}

impl Dialog {
    /// Connects and reads the greeting.
    pub(crate) async fn connect(lab: &Lab) -> Self {
        let port = lab.sim.smtp_addr.rsplit(':').next().unwrap();
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
        let mut dialog = Self { stream: BufReader::new(Box::new(stream)), greeting: String::new() };
        dialog.greeting = dialog.reply().await;
        dialog
    }

    /// Connects, EHLO, STARTTLS, EHLO.
    pub(crate) async fn secure(lab: &Lab) -> Self {
        let mut dialog = Self::connect(lab).await;
        dialog.say("EHLO client.example").await;
        dialog.start_tls(lab).await
    }

    pub(crate) async fn start_tls(mut self, lab: &Lab) -> Self {
        assert_eq!(self.say("STARTTLS").await, "220 2.0.0 SMTP server ready");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(lab.sim.ca_pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("smtp.office365.com").unwrap();
        let stream =
            TlsConnector::from(Arc::new(config)).connect(name, self.stream.into_inner()).await.unwrap();
        let mut dialog = Self { stream: BufReader::new(Box::new(stream)), greeting: self.greeting };
        let list = dialog.say("EHLO client.example").await;
        assert!(list.contains("AUTH LOGIN XOAUTH2") && !list.contains("STARTTLS"), "{list}");
        dialog
    }

    /// Sends a line, gives the reply (all its lines, joined by newlines).
    pub(crate) async fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes()).await;
        self.reply().await
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Sends what a connection takes that may be cut meanwhile.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// One reply; empty when the server has closed.
    pub(crate) async fn reply(&mut self) -> String {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            // A connection that was cut reads as an error or as the end; both mean closed.
            if self.stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return lines.join("\n");
            }
            let line = line.trim_end_matches(['\r', '\n']).to_owned();
            let last = line.as_bytes().get(3) != Some(&b'-');
            lines.push(line);
            if last {
                return lines.join("\n");
            }
        }
    }

    pub(crate) async fn authenticate(&mut self, user: &str, token: &str) -> String {
        self.say(&format!("AUTH XOAUTH2 {}", xoauth2(user, token))).await
    }

    /// MAIL, RCPT, DATA; the last reply.
    pub(crate) async fn submit(&mut self, from: &str, to: &str, message: &str) -> String {
        assert_eq!(self.say(&format!("MAIL FROM:<{from}>")).await, "250 2.1.0 Sender OK");
        assert_eq!(self.say(&format!("RCPT TO:<{to}>")).await, "250 2.1.5 Recipient OK");
        assert_eq!(self.say("DATA").await, "354 Start mail input; end with <CRLF>.<CRLF>");
        self.say(&format!("{message}\r\n.")).await
    }
}

pub(crate) fn xoauth2(user: &str, token: &str) -> String {
    STANDARD.encode(format!("user={user}\u{1}auth=Bearer {token}\u{1}\u{1}"))
}
