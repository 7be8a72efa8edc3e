//! A house for the stories: knows one login, keeps what it is given, and can be told to misbehave.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use mail::Address;
use rustls::pki_types::ServerName;
use submission::{
    Accepted, Admission, Caps, Census, House, Intake, Limits, Login, Peer, Refusal, Security, Settings,
    Submitter, Transaction, serve,
};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// `scanner` and `secret`, as PLAIN has it.
pub(crate) const LOGIN: &str = "AUTH PLAIN AHNjYW5uZXIAc2VjcmV0";
const PATIENCE: Duration = Duration::from_secs(20);

/// A message that was taken in.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) transaction: Transaction,
    pub(crate) pieces: Vec<usize>,
    pub(crate) content: Vec<u8>,
}

/// The house.
pub(crate) struct Keeper {
    pub(crate) neighbour: bool,
    taken: mpsc::UnboundedSender<Taken>,
    pub(crate) peers: Mutex<Vec<Peer>>,
    refusals: mpsc::UnboundedSender<(Peer, Refusal)>,
    /// Held back until they are let go.
    pub(crate) finishing: Option<Arc<Notify>>,
}

pub(crate) struct Keeping {
    taken: mpsc::UnboundedSender<Taken>,
    message: Taken,
    finishing: Option<Arc<Notify>>,
}

impl House for Keeper {
    type Intake = Keeping;

    async fn admit(&self, peer: &Peer) -> Admission {
        self.peers.lock().unwrap().push(*peer);
        if self.neighbour { Admission::Known(submitter(1)) } else { Admission::Stranger }
    }

    async fn log_in(&self, _: &Peer, login: &Login) -> Result<Submitter, Refusal> {
        match (login.user.as_str(), login.secret.as_str()) {
            ("scanner", "secret") => Ok(submitter(2)),
            _ => Err(Refusal::wrong_credentials()),
        }
    }

    async fn check_sender(&self, _: &Submitter, _: Option<&Address>, _: Option<u64>) -> Result<(), Refusal> {
        Ok(())
    }

    async fn check_recipient(&self, _: &Submitter, to: &Address) -> Result<(), Refusal> {
        assert_ne!(to.local_part(), "panic", "as the story wants it");
        Ok(())
    }

    async fn begin(&self, _: &Submitter, transaction: Transaction) -> Result<Keeping, Refusal> {
        let message = Taken { transaction, pieces: Vec::new(), content: Vec::new() };
        Ok(Keeping { taken: self.taken.clone(), message, finishing: self.finishing.clone() })
    }

    fn refused(&self, peer: &Peer, _: Option<&Submitter>, refusal: &Refusal) {
        // A story that doesn't care has dropped its end.
        let _ = self.refusals.send((*peer, refusal.clone()));
    }
}

impl Intake for Keeping {
    async fn write(&mut self, octets: Bytes) -> Result<(), Refusal> {
        self.message.pieces.push(octets.len());
        self.message.content.extend_from_slice(&octets);
        Ok(())
    }

    async fn finish(self) -> Result<Accepted, Refusal> {
        if let Some(finishing) = &self.finishing {
            finishing.notified().await;
        }
        self.taken.send(self.message).map_err(|_| Refusal::new(451, "4.3.0", "The story is over"))?;
        Ok(Accepted { id: "0197".into() })
    }
}

fn submitter(id: u128) -> Submitter {
    Submitter { id: Uuid::from_u128(id), name: "device".into() }
}

/// A running server.
pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    pub(crate) taken: mpsc::UnboundedReceiver<Taken>,
    refusals: mpsc::UnboundedReceiver<(Peer, Refusal)>,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) census: Arc<Census>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) server: JoinHandle<()>,
    roots: rustls::RootCertStore,
}

/// What a story changes about its server before it starts.
pub(crate) struct Plan {
    pub(crate) encryption: Encryption,
    pub(crate) neighbour: bool,
    pub(crate) limits: Limits,
    pub(crate) caps: Caps,
    pub(crate) proxies: Vec<std::net::IpAddr>,
    pub(crate) finishing: Option<Arc<Notify>>,
}

#[derive(Clone, Copy)]
pub(crate) enum Encryption {
    None,
    StartTls,
    Implicit,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            encryption: Encryption::None,
            neighbour: true,
            limits: Limits { failed_login: Duration::ZERO, ..Limits::default() },
            caps: Caps::default(),
            proxies: Vec::new(),
            finishing: None,
        }
    }
}

impl Gate {
    pub(crate) async fn open(plan: Plan) -> Gate {
        let (certificate, roots) = certificate();
        let security = match plan.encryption {
            Encryption::None => Security::Plain,
            Encryption::StartTls => Security::StartTls(certificate),
            Encryption::Implicit => Security::Implicit(certificate),
        };
        let census = Census::new(plan.caps);
        let settings = Settings {
            hello: "gate.example".into(),
            postmaster: None,
            security,
            proxies: plan.proxies,
            limits: plan.limits,
            census: Arc::clone(&census),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, taken) = mpsc::unbounded_channel();
        let (told, refusals) = mpsc::unbounded_channel();
        let keeper = Arc::new(Keeper {
            neighbour: plan.neighbour,
            taken: sender,
            peers: Mutex::default(),
            refusals: told,
            finishing: plan.finishing,
        });
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(serve(listener, settings, Arc::clone(&keeper), shutdown.clone()));
        Gate { address, taken, refusals, keeper, census, shutdown, server, roots }
    }

    pub(crate) async fn call(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// Encrypts a connection, and checks the certificate.
    pub(crate) async fn encrypt(
        &self,
        stream: TcpStream,
    ) -> io::Result<Client<impl AsyncRead + AsyncWrite + use<>>> {
        let connector = tokio_rustls::TlsConnector::from(self.trusting());
        let name = ServerName::try_from("gate.example").unwrap();
        connector.connect(name, stream).await.map(Client::new)
    }

    /// What a TLS client says first.
    pub(crate) fn client_hello(&self) -> Vec<u8> {
        let name = ServerName::try_from("gate.example").unwrap();
        let mut connection = rustls::ClientConnection::new(self.trusting(), name).unwrap();
        let mut hello = Vec::new();
        connection.write_tls(&mut hello).unwrap();
        hello
    }

    fn trusting(&self) -> Arc<rustls::ClientConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        Arc::new(config)
    }

    /// The next refusal that the door told the house of: whose, and what.
    pub(crate) async fn next_refusal(&mut self) -> (Peer, Refusal) {
        tokio::time::timeout(PATIENCE, self.refusals.recv()).await.expect("a refusal in time").unwrap()
    }

    pub(crate) async fn next_taken(&mut self) -> Taken {
        tokio::time::timeout(PATIENCE, self.taken.recv()).await.expect("a message in time").unwrap()
    }
}

fn certificate() -> (Arc<rustls::ServerConfig>, rustls::RootCertStore) {
    let made = rcgen::generate_simple_self_signed(["gate.example".to_owned()]).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    (Arc::new(config), roots)
}

/// A client that says what it is told to say.
pub(crate) struct Client<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(stream: S) -> Client<S> {
        Client { stream: BufReader::new(stream) }
    }

    pub(crate) async fn write(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// A whole reply, its lines joined by `\n`; empty when the connection has ended.
    pub(crate) async fn read(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            let reading = tokio::time::timeout(PATIENCE, self.stream.read_line(&mut line));
            if reading.await.expect("a reply in time").unwrap_or(0) == 0 {
                return reply;
            }
            reply += line.trim_end();
            if line.as_bytes().get(3) == Some(&b' ') {
                return reply;
            }
            reply.push('\n');
        }
    }

    pub(crate) async fn say(&mut self, line: &str) -> String {
        self.write(format!("{line}\r\n").as_bytes()).await;
        self.read().await
    }

    /// Says each line and expects its code.
    pub(crate) async fn talk(&mut self, lines: &[(&str, &str)]) {
        for (line, code) in lines {
            let reply = self.say(line).await;
            assert!(reply.starts_with(code), "{line}: {reply}");
        }
    }

    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        let reading = tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest));
        reading.await.expect("an end in time").unwrap_or(0) == 0
    }

    pub(crate) fn into_inner(self) -> S {
        self.stream.into_inner()
    }
}

/// From the greeting to the 354.
pub(crate) const ENVELOPE: [(&str, &str); 4] = [
    ("HELO device", "250"),
    ("MAIL FROM:<ann@contoso.com>", "250"),
    ("RCPT TO:<bob@contoso.com>", "250"),
    ("DATA", "354"),
];
