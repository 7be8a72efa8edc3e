//! HTTP/1.1 over `admin.sock` in the data directory; the server knows the caller by the peer
//! credentials of the socket. Most of this file says what is wrong when nobody answers there.

use bytes::Bytes;
use http::{Response, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;

use super::{Body, IDEMPOTENCY_KEY, Request, broken_off};
use crate::cli::failure::Failure;
use crate::cli::globals::DEFAULT_DATA_DIR;

/// The socket's name in the data directory.
const SOCKET_NAME: &str = "admin.sock";

pub(super) struct Socket {
    data_dir: PathBuf,
}

impl Socket {
    pub(super) fn new(data_dir: PathBuf) -> Self {
        Self { data_dir }
    }

    pub(super) async fn send(&self, request: Request) -> Result<Response<Body>, Failure> {
        let stream = UnixStream::connect(self.data_dir.join(SOCKET_NAME))
            .await
            .map_err(|error| cannot_connect(&self.data_dir, &error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken_off(&error.to_string()))?;
        // How the connection ends is seen by whoever reads the answer.
        tokio::spawn(async move { connection.await.ok() });
        let response =
            sender.send_request(to_http(&request)).await.map_err(|error| broken_off(&error.to_string()))?;
        Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
    }
}

fn to_http(request: &Request) -> http::Request<Full<Bytes>> {
    let builder = http::Request::builder()
        .method(request.method.clone())
        .uri(&request.path)
        .header(header::HOST, "localhost")
        .header(header::ACCEPT, request.accept);
    let builder = match &request.idempotency_key {
        Some(key) => builder.header(IDEMPOTENCY_KEY, key),
        None => builder,
    };
    let (builder, body) = match &request.body {
        Some(body) => {
            (builder.header(header::CONTENT_TYPE, "application/json"), Bytes::from(body.to_string()))
        }
        None => (builder, Bytes::new()),
    };
    builder.body(Full::new(body)).expect("encoded paths, fixed headers and a checked key make a request")
}

fn cannot_connect(data_dir: &Path, error: &io::Error) -> Failure {
    let shown = data_dir.display();
    match error.kind() {
        ErrorKind::NotFound => {
            let message = format!("no server is running with data directory {shown}");
            Failure::new("no_server", message).hint(how_to_start(data_dir))
        }
        ErrorKind::ConnectionRefused => {
            let message = format!(
                "no server is running with data directory {shown}: one has been, but nobody answers any more"
            );
            Failure::new("no_server", message).hint(how_to_start(data_dir))
        }
        ErrorKind::PermissionDenied => {
            let message = format!("you aren't allowed to use {shown}/{SOCKET_NAME}");
            Failure::new("permission_denied", message)
                .hint("run the command as root or as the user the server runs as, or use --url with a token")
        }
        ErrorKind::NotADirectory => {
            Failure::new("not_a_directory", format!("{shown} is not a data directory"))
        }
        _ => Failure::new("no_server", format!("can't use {shown}/{SOCKET_NAME}: {error}")),
    }
}

fn how_to_start(data_dir: &Path) -> String {
    if data_dir == Path::new(DEFAULT_DATA_DIR) {
        "start it with `postern serve`, or name its data directory with --data-dir".to_owned()
    } else {
        format!("start it with `postern serve --data-dir {}`", data_dir.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_another_user_is_a_matter_of_permission() {
        let error = io::Error::from(ErrorKind::PermissionDenied);
        let failure = cannot_connect(Path::new("/d"), &error);
        assert_eq!(failure.code, "permission_denied");
        assert!(failure.hint.is_some_and(|hint| hint.contains("--url")));
    }

    #[test]
    fn the_usual_data_directory_is_not_repeated_in_the_hint() {
        let error = io::Error::from(ErrorKind::NotFound);
        let failure = cannot_connect(Path::new(DEFAULT_DATA_DIR), &error);
        let hint = failure.hint.expect("there is always a next step");
        assert!(hint.contains("`postern serve`"), "{hint}");
    }
}
