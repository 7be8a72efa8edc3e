//! Several nodes on one PostgreSQL, beside the mail: what is done at one of them holds at the other.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use store::News;
use store::queue::Node;
use time::Duration;
use uuid::Uuid;

use crate::house::House;
use crate::mail::post::{Device, Post};
use crate::person::Person;
use crate::postgres::{address_of, create_database, program, psql};

async fn two_nodes() -> (House, House) {
    let sections = crate::postgres::section().await;
    let first = House::configured("", &sections).await;
    let mut second = first.beside(&sections);
    second.start().await;
    (first, second)
}

#[tokio::test]
async fn a_sign_in_that_was_started_at_one_node_comes_back_to_the_other() {
    let (first, second) = two_nodes().await;
    first.account(json!({})).await;
    let flow = first.local().post("/api/v1/accounts/mail/authorize", json!({})).await.done(201);
    let mut brought = Person::new(&first, "megan").sign_in(flow["url"].as_str().unwrap()).await;
    // Both nodes stand behind one address; here the port tells them apart.
    brought.address.set_port(Some(second.port())).unwrap();
    let mut person = Person::new(&second, "megan");
    let path = format!("/api/v1/authorizations/{}?wait=60", flow["id"].as_str().unwrap());
    let waiter = first.local();
    let (waited, _) = tokio::join!(waiter.get(&path), person.bring(&brought));
    assert_eq!(waited.done(200)["status"], "pending", "whoever waits at the first node is told");
    first.local().post("/api/v1/accounts/mail/confirm", json!({})).await.done(200);
    assert_eq!(second.look_at("mail").await["state"]["name"], "ready");
}

#[tokio::test]
async fn a_grant_is_renewed_by_one_node_a_day() {
    let (first, second) = two_nodes().await;
    first.account(json!({})).await;
    first.authorize("mail", "megan").await;
    first.advance(Duration::hours(25));
    let refreshes = || {
        let asked = first.sim.requests();
        asked.iter().filter(|request| request.to_string().contains("refresh_token")).count()
    };
    let before = refreshes();
    let keep = |house: &House| {
        let app = std::sync::Arc::clone(&house.running().app);
        async move { postern::jobs::keep_grants_alive(&app).await }
    };
    let (one, two) = tokio::join!(keep(&first), keep(&second));
    one.unwrap();
    two.unwrap();
    assert_eq!(refreshes() - before, 1, "{:#?}", first.sim.requests());
}

#[tokio::test]
async fn a_node_waits_while_another_uses_the_grant_and_no_longer_than_its_turn() {
    let (first, second) = two_nodes().await;
    let account = first.account(json!({})).await;
    first.authorize("mail", "megan").await;
    let id: Uuid = account["id"].as_str().unwrap().parse().unwrap();
    let (store, now) = (&first.running().app.store, first.now());
    let other = Node { name: "another".to_owned(), run: Uuid::from_u128(7) };
    assert!(store.grants().take_renewal(id, &other, now, now + Duration::minutes(1)).await.unwrap());
    let caller = second.local();
    let to = json!({ "to": "nosmtp@contoso.example", "account": "mail" });
    let mut sending = std::pin::pin!(caller.post("/api/v1/test-email", to));
    let refreshes =
        || first.sim.requests().iter().filter(|one| one.to_string().contains("refresh_token")).count();
    let before = refreshes();
    // It may be slow to ask; what it must not do is ask Microsoft.
    let early = tokio::time::timeout(std::time::Duration::from_secs(1), &mut sending).await;
    assert!(early.is_err() && refreshes() == before, "it did not wait");
    first.advance(Duration::minutes(1));
    assert_eq!(sending.await.done(200)["ok"], true);
    assert!(refreshes() > before);
}

#[tokio::test]
async fn a_password_that_was_changed_at_one_node_is_the_one_that_counts_at_the_other() {
    let (first, second) = Post::two_nodes(json!({}), "").await;
    second.device().await;
    let mut news = second.app().store.newsreel();
    let reset = first.house.local().post("/api/v1/submitters/nas/password", json!({})).await.done(200);
    let password = reset["password"].as_str().unwrap().to_owned();
    assert!(matches!(news.next().await, Some(News::Told(line)) if line.starts_with("submitters changed")));
    let version = async || {
        let submitters = second.app().queue.directory.submitters(second.app()).await.unwrap();
        submitters.find_user("nas").unwrap().version
    };
    let old = first.app().store.submitters().find("nas").await.unwrap().unwrap().version;
    Post::until_so("the other node knows", async || version().await == old).await;
    let mut device = Device::knock(second.house.running().submission[0]).await;
    assert!(device.try_log_in("nas", &first.password).await.starts_with("535"));
    device.log_in("nas", &password).await;
    second.stop().await;
    first.stop().await;
}

#[tokio::test]
async fn a_token_counts_at_every_node_and_is_revoked_at_every_node() {
    let (first, second) = two_nodes().await;
    let token =
        first.local().post("/api/v1/tokens", json!({ "name": "t", "role": "viewer" })).await.done(201);
    let there = crate::house::Caller {
        token: Some(token["token"].as_str().unwrap().to_owned()),
        ..second.stranger()
    };
    assert_eq!(there.get("/api/v1/accounts").await.status, 200);
    assert_eq!(first.local().delete("/api/v1/tokens/t").await.status, 204);
    assert_eq!(there.get("/api/v1/accounts").await.status, 401);
}

#[tokio::test]
async fn a_node_with_another_master_key_or_none_is_turned_away_and_changes_nothing() {
    let sections = crate::postgres::section().await;
    let first = House::configured("", &sections).await;
    let second = first.beside(&sections);
    let other = House::new().await;
    std::fs::copy(other.data().join("master.key"), second.data().join("master.key")).unwrap();
    let sentence = second.refuse_to_start().await;
    assert!(sentence.contains("is not the one that this database was sealed with"), "{sentence}");
    assert!(sentence.contains("all nodes of one database have the same"), "{sentence}");
    std::fs::remove_file(second.data().join("master.key")).unwrap();
    let sentence = second.refuse_to_start().await;
    assert!(sentence.contains("copy it from another node"), "{sentence}");
    assert!(!second.data().join("master.key").exists(), "none is made");
    first.account(json!({})).await;
}

#[tokio::test]
async fn each_wrong_address_of_a_database_has_its_sentence_and_its_hint() {
    let folder = tempfile::tempdir().unwrap();
    let server = TlsServer::start(folder.path()).await;
    let (ca, port) = (folder.path().join("ca.pem"), server.port);
    let ca = ca.display();
    let right =
        format!("postgres://postern:geheim@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={ca}");
    let other_ca = folder.path().join("server.pem");
    std::fs::write(
        folder.path().join("other.pem"),
        rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap().cert.pem(),
    )
    .unwrap();
    assert!(other_ca.exists());
    let wrong = [
        (right.replace("geheim", "falsch"), "password authentication failed", "user and password"),
        (right.replace("/postgres?", "/nothing?"), "database \"nothing\" does not exist", "Create it"),
        (right.replace("localhost", "127.0.0.1"), "certificate", "a certificate for the host"),
        (right.replace("/ca.pem", "/other.pem"), "certificate", "sslrootcert=FILE"),
        (right.replace("/ca.pem", "/missing.pem"), "cannot read", "sslrootcert=FILE"),
        (right.replace(&port.to_string(), "1"), "refused", "that PostgreSQL runs there"),
        (right.replace("localhost", "nowhere.invalid"), "nowhere.invalid", "Check host and port"),
        (right.replace("verify-full", "disable"), "no pg_hba.conf entry", "pg_hba.conf"),
        ("postgres://postern@localhost:http/x".to_owned(), "[database] url", ""),
    ];
    let house = House::stopped("", "").await;
    for (url, says, hint) in wrong {
        house.configure("", &format!("[database]\nurl = \"{url}\"\n"));
        let sentence = house.refuse_to_start().await;
        assert!(sentence.contains(says) && sentence.contains(hint), "{url}: {sentence}");
        assert!(!sentence.contains("geheim") && !sentence.contains("falsch"), "{sentence}");
        assert!(!house.data().join("master.key").exists(), "{sentence}");
    }
    house.configure("", &format!("[database]\nurl = \"{right}\"\n"));
    let running = house.try_start().await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn a_database_in_which_nothing_may_be_made_is_said() {
    let database = create_database();
    let role = format!("guest_{database}");
    psql(&database, &format!("CREATE ROLE {role} LOGIN"));
    psql(&database, "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let url = address_of(&database).replace("postern@", &format!("{role}@"));
    let house = House::stopped("", &format!("[database]\nurl = \"{url}\"\n")).await;
    let sentence = house.refuse_to_start().await;
    assert!(sentence.contains("permission denied"), "{sentence}");
    assert!(sentence.contains("make that user the owner of the database"), "{sentence}");
}

/// A PostgreSQL that speaks TLS with whoever knows the password, and with nobody else.
struct TlsServer {
    port: u16,
    process: Child,
}

impl TlsServer {
    async fn start(folder: &Path) -> Self {
        certify(folder);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = folder.join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(folder.join("password"), "geheim").unwrap();
        give_to_its_user(folder);
        let made = as_its_user("initdb")
            .args(["--username", "postern", "--auth", "scram-sha-256", "--no-sync", "--encoding", "UTF8"])
            .args([
                PathBuf::from("--pwfile"),
                folder.join("password"),
                PathBuf::from("--pgdata"),
                data.clone(),
            ])
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        std::fs::write(data.join("pg_hba.conf"), "hostssl all all all scram-sha-256\n").unwrap();
        let setting = |name: &str, value: String| ["-c".to_owned(), format!("{name}={value}")];
        let process = as_its_user("postgres")
            .arg("-D")
            .arg(&data)
            .args(setting("port", port.to_string()))
            .args(setting("listen_addresses", "localhost".to_owned()))
            .args(setting("unix_socket_directories", folder.display().to_string()))
            .args(setting("ssl", "on".to_owned()))
            .args(setting("ssl_cert_file", folder.join("server.pem").display().to_string()))
            .args(setting("ssl_key_file", folder.join("server.key").display().to_string()))
            .args(setting("fsync", "off".to_owned()))
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut server = Self { port, process };
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(120);
        while tokio::net::TcpStream::connect(("localhost", port)).await.is_err() {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(server.process.try_wait().unwrap().is_none(), "PostgreSQL ended: {log}");
            assert!(tokio::time::Instant::now() < deadline, "PostgreSQL does not start: {log}");
            tokio::task::yield_now().await;
        }
        server.until_ready(folder);
        server
    }

    /// It listens a moment before it lets anyone in.
    fn until_ready(&mut self, folder: &Path) {
        while !std::fs::read_to_string(folder.join("log")).unwrap().contains("ready to accept connections") {
            assert!(self.process.try_wait().unwrap().is_none(), "PostgreSQL ended");
            std::thread::yield_now();
        }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        // At once: it keeps nothing.
        let pid = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        let _ = self.process.wait();
    }
}

/// A server's certificate for `localhost`, and the authority that issued it.
fn certify(folder: &Path) {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let issued = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let server =
        rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    std::fs::write(folder.join("ca.pem"), issued.pem()).unwrap();
    std::fs::write(folder.join("server.pem"), server.pem()).unwrap();
    std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(folder.join("server.key"), private).unwrap();
}

/// PostgreSQL doesn't run as root.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn as_its_user(name: &str) -> Command {
    if !is_root() {
        return Command::new(program(name));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program(name));
    command
}

fn give_to_its_user(folder: &Path) {
    if is_root() {
        let given = Command::new("chown").args(["-R", "postgres:"]).arg(folder).status().unwrap();
        assert!(given.success());
    }
}
