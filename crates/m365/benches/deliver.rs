//! What one delivery costs: CPU time of this process per message, and messages a second, by Graph over
//! HTTP/1.1 and HTTP/2 and by SMTP. The far side is a process of its own that says yes to everything.
//!
//! `cargo bench -p m365 --bench deliver [-- MESSAGES OCTETS]`; it is Linux that counts the CPU time.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use m365::account::{Account, Credential, SignIn, Transport};
use m365::cloud::{Cloud, CloudSettings};
use m365::connection::{Connection, ConnectionOptions};
use m365::courier::{Courier, Origin};
use m365::grant_keeper::{GrantKeeper, Kept};
use m365::parcel::{InMemory, Parcel, Reports, ReturnPath};
use m365::proxy::ProxyChoice;
use m365::secret::{RefreshToken, Secret};
use m365::token::Tokens;
use m365::trust::Roots;
use mail::{Address, Envelope, Outcome, Traits};
use time::OffsetDateTime;

mod far_side;

const MAILBOXES: usize = 200;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    match arguments.next().as_deref() {
        Some("--far-side") => far_side::run(&arguments.next().expect("which protocol")),
        messages => {
            let messages = messages.and_then(|text| text.parse().ok()).unwrap_or(20_000);
            let octets = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(10_000);
            for far_side in ["h1", "h2", "smtp"] {
                for at_once in [1, 10, 50] {
                    measure(far_side, at_once, messages, octets);
                }
            }
        }
    }
}

/// Applications have no grant.
struct NoGrant;

impl GrantKeeper for NoGrant {
    fn load<'a>(&'a self, _: &'a str, _: i64) -> Kept<'a, Option<RefreshToken>> {
        Box::pin(async { Ok(None) })
    }

    fn replace<'a>(&'a self, _: &'a str, _: i64, _: RefreshToken, _: OffsetDateTime) -> Kept<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::main]
async fn measure(far_side: &str, at_once: usize, messages: usize, octets: usize) {
    let (mut child, ports, ca_pem) = start(far_side);
    let transport = if far_side == "smtp" { Transport::Smtp } else { Transport::Graph };
    let bench = Arc::new(Bench::new(&ports, ca_pem, octets));
    bench.deliver(0, transport).await;
    let (begun, cpu) = (Instant::now(), cpu_ms());
    let next = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..at_once)
        .map(|_| {
            let (bench, next) = (Arc::clone(&bench), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= messages {
                        break;
                    }
                    bench.deliver(number, transport).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("a worker ends well");
    }
    let (took, cpu) = (begun.elapsed().as_secs_f64(), cpu_ms() - cpu);
    println!(
        "{far_side:>4} {at_once:>3} at once, {octets} octets: {:>6.0} messages/s, {:.3} CPU ms each",
        messages as f64 / took,
        cpu / messages as f64
    );
    child.kill().expect("the far side can be ended");
    child.wait().expect("the far side ends");
}

struct Bench {
    connection: Arc<Connection>,
    account: Arc<Account>,
    courier: Courier,
    mailboxes: Vec<Address>,
    content: InMemory,
}

impl Bench {
    fn new(ports: &[String], ca_pem: String, octets: usize) -> Bench {
        let (https, smtp) = (format!("https://localhost:{}", ports[0]), format!("localhost:{}", ports[1]));
        let cloud = Cloud::try_from(CloudSettings {
            name: "bench".to_owned(),
            login: https.clone(),
            graph: https,
            outlook_scope: "https://outlook.office.com".to_owned(),
            outlook_app_scope: "https://outlook.office365.com".to_owned(),
            smtp,
            ca_pem: Some(ca_pem.into_bytes()),
            discovery: None,
        });
        let cloud = Arc::new(cloud.expect("the settings are right"));
        let options = ConnectionOptions {
            proxy: ProxyChoice::Direct,
            roots: Roots::BuiltIn,
            ..ConnectionOptions::default()
        };
        let connection = Connection::new(Arc::clone(&cloud), &options).expect("a connection can be made");
        let account = Account {
            id: "bench".to_owned(),
            version: 1,
            cloud,
            tenant: "aaaabbbb-0000-cccc-1111-dddd2222eeee".parse().expect("a GUID"),
            client_id: "11112222-aaaa-3333-bbbb-4444cccc5555".parse().expect("a GUID"),
            credential: Credential::Secret(Secret::new("secret")),
            sign_in: SignIn::Application,
            transport: Transport::Graph,
            from: None,
            mailbox: None,
        };
        let mut message = b"Subject: bench\r\n\r\n".to_vec();
        while message.len() < octets {
            message.extend_from_slice(
                b"a line of text as it stands in a mail, of seventy-two octets or so....\r\n",
            );
        }
        Bench {
            connection: Arc::new(connection),
            account: Arc::new(account),
            courier: Courier::new(Tokens::new(Arc::new(NoGrant)), "bench.example"),
            mailboxes: (0..MAILBOXES)
                .map(|number| format!("user{number}@contoso.example").parse().expect("an address"))
                .collect(),
            content: InMemory::new(message, Traits::default()),
        }
    }

    async fn deliver(&self, number: usize, transport: Transport) {
        let mailbox = &self.mailboxes[number % MAILBOXES];
        let to = ["ann@fabrikam.example".parse().expect("an address")];
        let envelope = Envelope::new(Some(mailbox.clone()), to).expect("there is a recipient");
        let parcel = Parcel {
            envelope: &envelope,
            message_id: None,
            content: &self.content,
            return_path: ReturnPath::Envelope,
            reports: Reports::default(),
        };
        let origin = Origin { connection: &self.connection, account: &self.account, mailbox };
        let delivery = self.courier.deliver(&origin, transport, &parcel, OffsetDateTime::now_utc()).await;
        assert!(matches!(delivery.attempted.outcome, Outcome::Delivered { .. }), "{delivery:?}");
    }
}

/// The far side says its ports on one line, then its CA certificate, then an empty line.
fn start(far_side: &str) -> (Child, Vec<String>, String) {
    let mut child = Command::new(std::env::current_exe().expect("this program has a file"))
        .args(["--far-side", far_side])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the far side starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut line = || lines.next().expect("the far side says where it is").expect("it says it in text");
    let ports = line().split(' ').map(str::to_owned).collect();
    let pem =
        std::iter::from_fn(|| Some(line()).filter(|line| !line.is_empty())).collect::<Vec<_>>().join("\n");
    std::io::stdout().flush().expect("standard output is open");
    (child, ports, pem)
}

/// User and system time of this process so far: fields 14 and 15 of proc_pid_stat(5), in hundredths.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux tells about this process");
    let (_, fields) = stat.rsplit_once(')').expect("the name stands in brackets");
    let ticks =
        fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<f64>().expect("a number"));
    ticks.sum::<f64>() * 10.0
}
