//! What comes before the session has little time, and the TLS handshake of one connection: what it led to or, in words for
//! whoever sets the device up, why it came to nothing. A device that doesn't get through it can't be told why; the house can.

use std::io;
use std::sync::Arc;

use rustls::{AlertDescription, Error};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::connection::Door;
use crate::{Refusal, Tls};

/// Gives a handshake its time, and none when the server stops.
pub(crate) async fn in_time<H, T>(
    door: &Door<H>,
    handshake: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    tokio::select! {
        () = door.shutdown.cancelled() => Err(io::ErrorKind::ConnectionAborted.into()),
        shaken = timeout(door.settings.limits.handshake, handshake) => shaken?,
    }
}

/// Shakes hands with a client that says anything at all.
pub(crate) async fn accept(
    stream: TcpStream,
    config: Arc<rustls::ServerConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    // Who only looks whether the port is open isn't refused anything.
    if stream.peek(&mut [0]).await? == 0 {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    TlsAcceptor::from(config).accept(stream).await
}

/// Why it failed. Nothing can be said to the client, so the code is that of a connection that is closed (RFC 5321 §3.8),
/// with the detail of RFC 3463 §3.8 for cryptography. None: nobody was refused.
pub(crate) fn refusal(error: &io::Error) -> Option<Refusal> {
    let text = match error.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
        Some(error) => text_of(error),
        None => match error.kind() {
            io::ErrorKind::ConnectionAborted => return None,
            io::ErrorKind::TimedOut => format!("The device began no TLS in time; {SET_IT_RIGHT}"),
            _ => BROKEN_OFF.to_owned(),
        },
    };
    Some(Refusal::new(421, "4.7.5", text))
}

const BROKEN_OFF: &str =
    "The device broke off the TLS handshake; most often it does not trust the certificate of this port";
const SET_IT_RIGHT: &str =
    "set it to the encryption of this port (TLS from the first octet, or STARTTLS), or to another port";

fn text_of(error: &Error) -> String {
    match error {
        Error::AlertReceived(
            alert @ (AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown),
        ) => format!(
            "The device refused the certificate of this port (its alert: {alert:?}); let it trust the certificate or the \
             authority behind it, or give the port one that it trusts"
        ),
        Error::PeerIncompatible(_)
        | Error::AlertReceived(
            AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity,
        ) => "The device and this port have no version of TLS or no cipher in common; TLS 1.2 or 1.3 is needed: \
              update the device"
            .to_owned(),
        Error::AlertReceived(AlertDescription::CloseNotify | AlertDescription::UserCanceled) => {
            BROKEN_OFF.to_owned()
        }
        Error::InvalidMessage(_) => format!("What the device sent is not TLS; {SET_IT_RIGHT}"),
        error => format!("The TLS handshake with the device failed: {error}"),
    }
}

/// What it led to, as mail servers write it.
pub(crate) fn describe(stream: &TlsStream<TcpStream>) -> Tls {
    let (_, connection) = stream.get_ref();
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "TLSv1.2",
    };
    let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    // rustls has a prefix of its own for the suites of RFC 8446.
    let cipher = match suite {
        Some("TLS13_AES_128_GCM_SHA256") => "TLS_AES_128_GCM_SHA256",
        Some("TLS13_AES_256_GCM_SHA384") => "TLS_AES_256_GCM_SHA384",
        Some("TLS13_CHACHA20_POLY1305_SHA256") => "TLS_CHACHA20_POLY1305_SHA256",
        suite => suite.unwrap_or("unknown"),
    };
    Tls { version, cipher }
}
