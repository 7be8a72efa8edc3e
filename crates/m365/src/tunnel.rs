//! The way to a server that doesn't speak HTTP: straight, or through the HTTP proxy of the settings by CONNECT
//! (RFC 9110 §9.3.6), as requests to the same host would go.
//!
//! The proxy hears the server's name, and its own password where it has one; never what is said in the tunnel
//! before TLS. Neighbours: `proxy` says which one, `smtp` speaks through it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use crate::failure::{LocalTrouble, NetworkKind, NetworkTrouble};
use crate::proxy::ProxyChoice;

/// An open line to a server: to itself, or to a proxy that passes everything on. A proxy may itself want TLS.
pub(crate) type Line = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// How servers are reached that don't speak HTTP.
pub(crate) struct Ways {
    matcher: Option<Matcher>,
    /// For a proxy that is reached by https.
    tls: Arc<ClientConfig>,
}

impl Ways {
    /// As the settings say; `tls` is what a proxy's own certificate is checked with.
    pub(crate) fn new(choice: &ProxyChoice, tls: Arc<ClientConfig>) -> Result<Self, LocalTrouble> {
        let matcher = match choice {
            ProxyChoice::Direct => None,
            ProxyChoice::Environment => Some(Matcher::from_env()),
            ProxyChoice::Through(proxy) => Some(proxy.to_matcher()),
        };
        Ok(Self { matcher, tls })
    }

    /// Connects to `host` and `port` within `limit`.
    pub(crate) async fn connect(
        &self,
        host: &str,
        port: u16,
        limit: Duration,
    ) -> Result<Line, NetworkTrouble> {
        let target = format!("{host}:{port}");
        let connecting = async {
            match self.find_proxy(&target) {
                None => dial(&target, host, port).await.map(Either::Left),
                Some(proxy) => self.connect_through(&proxy, &target).await,
            }
        };
        match timeout(limit, connecting).await {
            Ok(connected) => connected,
            Err(_) => {
                let detail = "no answer to the connection attempt";
                Err(NetworkTrouble::new(target, NetworkKind::Connect, detail))
            }
        }
    }

    /// The proxy that an https request to the same place would take; its exceptions are `NO_PROXY`'s.
    fn find_proxy(&self, target: &str) -> Option<Intercept> {
        let address: Uri = format!("https://{target}/").parse().ok()?;
        self.matcher.as_ref()?.intercept(&address)
    }

    async fn connect_through(&self, proxy: &Intercept, target: &str) -> Result<Line, NetworkTrouble> {
        let trouble = |detail: &str| NetworkTrouble::new(target, NetworkKind::Proxy, detail);
        let host = proxy.uri().host().unwrap_or_default().trim_matches(['[', ']']);
        let secure = match proxy.uri().scheme_str() {
            Some("http") => false,
            Some("https") => true,
            other => {
                let detail = format!("a proxy of the kind {} can't be used", other.unwrap_or("unknown"));
                return Err(trouble(&detail));
            }
        };
        let port = proxy.uri().port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = dial(target, host, port)
            .await
            .map_err(|failed| trouble(&format!("{host}:{port} isn't reached: {}", failed.detail)))?;
        let mut line: Line = match secure {
            false => Either::Left(stream),
            true => Either::Right(Box::new(
                self.shake_hands(host, stream).await.map_err(|error| trouble(&error))?,
            )),
        };
        ask(&mut line, target, proxy).await.map_err(|error| trouble(&error))?;
        Ok(line)
    }

    async fn shake_hands(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        connector.connect(name, stream).await.map_err(|error| format!("TLS with the proxy: {error}"))
    }
}

impl fmt::Debug for Ways {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.matcher.is_some() { "Ways(by proxy)" } else { "Ways(direct)" })
    }
}

/// No honest answer to CONNECT has a longer head.
const MAX_HEAD_OCTETS: usize = 16 * 1024;

async fn dial(target: &str, host: &str, port: u16) -> Result<TcpStream, NetworkTrouble> {
    let trouble = |kind, error: std::io::Error| NetworkTrouble::new(target, kind, &error.to_string());
    let addresses = lookup_host((host, port)).await.map_err(|error| trouble(NetworkKind::Dns, error))?;
    let addresses: Vec<_> = addresses.collect();
    let stream = TcpStream::connect(&*addresses).await;
    let stream = stream.map_err(|error| trouble(NetworkKind::Connect, error))?;
    // Without it, every small command may wait for the last one's acknowledgement.
    stream.set_nodelay(true).map_err(|error| trouble(NetworkKind::Connect, error))?;
    Ok(stream)
}

/// Asks for the tunnel and reads the head of the answer, octet by octet: what follows it is the server's.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    line: &mut S,
    target: &str,
    proxy: &Intercept,
) -> Result<(), String> {
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    if let Some(login) = proxy.basic_auth() {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(login.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let said = line.write_all(&request).await;
    zeroize::Zeroize::zeroize(&mut request);
    said.map_err(|error| error.to_string())?;
    line.flush().await.map_err(|error| error.to_string())?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD_OCTETS {
            return Err("the proxy's answer is too long".to_owned());
        }
        head.push(line.read_u8().await.map_err(|error| error.to_string())?);
    }
    judge(&String::from_utf8_lossy(&head))
}

/// RFC 9110 §9.3.6: any 2xx opens the tunnel.
fn judge(head: &str) -> Result<(), String> {
    let first = head.lines().next().unwrap_or_default();
    let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
    match status {
        Some(status) if status.len() == 3 && status.starts_with('2') => Ok(()),
        Some("407") => Err("the proxy asks for a user name and password (407)".to_owned()),
        _ => Err(format!("the proxy refused the tunnel: {first}")),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::proxy::Proxy;

    /// A proxy that answers one CONNECT with `answer`, and what it was asked.
    async fn proxy(answer: &'static str) -> (u16, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let played = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(asked).unwrap()
        });
        (port, played)
    }

    async fn connect(choice: ProxyChoice, host: &str, port: u16) -> Result<Line, NetworkTrouble> {
        let tls = Arc::new(crate::scripted::client_tls());
        Ways::new(&choice, tls).unwrap().connect(host, port, Duration::from_secs(10)).await
    }

    fn through(port: u16, login: &str) -> Proxy {
        format!("http://{login}127.0.0.1:{port}").parse().unwrap()
    }

    #[tokio::test]
    async fn a_proxy_is_asked_for_the_server_by_name_and_what_follows_is_the_servers() {
        let (port, played) =
            proxy("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n220 smtp ready\r\n").await;
        let choice = ProxyChoice::Through(through(port, "ann:p%40ss@"));
        let mut line = connect(choice, "smtp.contoso.example", 587).await.unwrap();
        let mut greeting = [0; 16];
        line.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"220 smtp ready\r\n");
        let asked = played.await.unwrap();
        assert!(
            asked.starts_with(
                "CONNECT smtp.contoso.example:587 HTTP/1.1\r\nHost: smtp.contoso.example:587\r\n"
            ),
            "{asked}"
        );
        assert!(asked.contains("Basic YW5uOnBAc3M="), "ann:p@ss: {asked}");
    }

    #[tokio::test]
    async fn a_proxy_that_refuses_is_blamed_for_it() {
        for (answer, says) in [
            ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "user name and password"),
            ("HTTP/1.1 403 Forbidden\r\n\r\n", "403 Forbidden"),
            ("220 mail.example ESMTP\r\n\r\n", "refused the tunnel"),
        ] {
            let (port, _played) = proxy(answer).await;
            let failed = connect(ProxyChoice::Through(through(port, "")), "smtp.contoso.example", 587).await;
            let Err(trouble) = failed else { panic!("there is no tunnel") };
            assert_eq!(
                (trouble.kind, trouble.target.as_str()),
                (NetworkKind::Proxy, "smtp.contoso.example:587")
            );
            assert!(trouble.detail.contains(says), "{trouble}");
        }
    }

    #[tokio::test]
    async fn what_the_exceptions_name_is_reached_without_the_proxy() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let nobody: Proxy = "http://proxy.invalid:3128".parse().unwrap();
        let excepted = ProxyChoice::Through(nobody.clone().except("other.example, 127.0.0.0/8"));
        assert!(matches!(connect(excepted, "127.0.0.1", port).await, Ok(Either::Left(_))));
        assert!(connect(ProxyChoice::Direct, "127.0.0.1", port).await.is_ok());
        let trouble = connect(ProxyChoice::Through(nobody), "127.0.0.1", port).await.err().unwrap();
        assert_eq!(trouble.kind, NetworkKind::Proxy, "{trouble}");
    }
}
