//! A Microsoft that says yes to everything, as fast as it can.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Serves until it is killed.
#[tokio::main]
pub(crate) async fn run(protocol: &str) {
    let (ca_pem, tls) = tls(protocol);
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let https = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let smtp = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = |listener: &TcpListener| listener.local_addr().expect("it is bound").port();
    println!("{} {}\n{}\n", port(&https), port(&smtp), ca_pem.trim_end());
    tokio::spawn(serve(smtp, acceptor.clone(), speak_smtp));
    serve(https, acceptor, speak_http).await;
}

async fn serve<F>(listener: TcpListener, acceptor: TlsAcceptor, speak: fn(TcpStream, TlsAcceptor) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).expect("it is TCP");
        tokio::spawn(speak(stream, acceptor.clone()));
    }
}

async fn speak_http(stream: TcpStream, acceptor: TlsAcceptor) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let answering = Builder::new(TokioExecutor::new());
    // The client hangs up when it has enough.
    let _ = answering.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

async fn answer(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    let is_token = request.uri().path().ends_with("/token");
    let _: Bytes = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body = if is_token { r#"{"token_type":"Bearer","expires_in":3600,"access_token":"t"}"# } else { "" };
    let status = if is_token { 200 } else { 202 };
    let answer = Response::builder().status(status).header("request-id", "r").body(body.to_owned());
    Ok(answer.expect("the answer is well formed"))
}

async fn speak_smtp(mut stream: TcpStream, acceptor: TlsAcceptor) {
    let mut line = vec![0; 512];
    for reply in ["220 hello\r\n", "250-hello\r\n250 STARTTLS\r\n", "220 go\r\n"] {
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
        if !reply.starts_with("220 go") && stream.read(&mut line).await.is_err() {
            return;
        }
    }
    let Ok(stream) = acceptor.accept(stream).await else { return };
    // The client hangs up when it has enough.
    let _ = take_messages(BufReader::with_capacity(64 * 1024, stream)).await;
}

async fn take_messages<S>(mut stream: BufReader<S>) -> std::io::Result<()>
where
    S: AsyncReadExt + AsyncWriteExt + Unpin,
{
    let mut line = String::new();
    let mut message = vec![0; 64 * 1024];
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let reply = match line.split(' ').next().unwrap_or_default().trim_end() {
            "EHLO" => "250-hello\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 AUTH XOAUTH2\r\n",
            "AUTH" => "235 welcome\r\n",
            "BDAT" => {
                let length = line.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
                let mut left: usize = length;
                while left > 0 {
                    let most = left.min(message.len());
                    match stream.read(&mut message[..most]).await? {
                        0 => return Ok(()),
                        read => left -= read,
                    }
                }
                "250 OK <id@far>\r\n"
            }
            _ => "250 OK\r\n",
        };
        stream.write_all(reply.as_bytes()).await?;
        stream.flush().await?;
    }
}

fn tls(protocol: &str) -> (String, ServerConfig) {
    let key = KeyPair::generate().expect("a key can be made");
    let mut params = CertificateParams::new(Vec::new()).expect("no names are right");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).expect("it signs itself").pem();
    let authority = Issuer::new(params, key);
    let key = KeyPair::generate().expect("a key can be made");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &authority).expect("the authority signs");
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let mut config = ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).expect("a PKCS#8 key"))
        .expect("the key is the certificate's");
    config.alpn_protocols = match protocol {
        "h2" => vec![b"h2".to_vec()],
        _ => vec![b"http/1.1".to_vec()],
    };
    (pem, config)
}
