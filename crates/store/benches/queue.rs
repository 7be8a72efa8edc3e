//! What the queue costs: durable accepts per second beside what the file system itself can do, the price of one message with
//! a thousand and with a million waiting, CPU time, and how long the administrator's lists take.
//!
//! `POSTERN_BENCH_WAITING` sets another number than a million.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use store::queue::{
    Accepted, AttemptOutcome, ClaimKey, LaneId, LaneKey, Lease, Message, MessageFilter, MessageState,
    NewContent, NewMessage, Next, Node, Recipient, Settlement,
};
use store::{Location, Page, Store};
use tempfile::TempDir;
use time::OffsetDateTime;
use uuid::Uuid;

const OCTETS: usize = 10_000;
const MAILBOXES: i64 = 200;
const SPAN: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() {
    let folder = TempDir::new().expect("a temporary folder");
    println!("durable accepts of {OCTETS} octets per second; in brackets what they are of the limit");
    for waiters in [1, 10, 16, 50, 64] {
        let limit = append_and_flush(folder.path(), waiters);
        let store = open(&folder.path().join(format!("accept{waiters}.db"))).await;
        let accepted = repeat(&store, waiters, Step::Accept).await;
        println!(
            "  {waiters:>2} at once: {:>5.0} of {limit:>6.0} ({:.2})   CPU {:.3} s per 1,000",
            accepted.per_second,
            accepted.per_second / limit,
            accepted.cpu_per_1000
        );
        store.close().await;
    }
    println!("accept with claim, then settle, 50 at once");
    let store = open(&folder.path().join("cycle.db")).await;
    let base = repeat(&store, 50, Step::Cycle).await;
    println!("  {:.0} per second, CPU {:.3} s per 1,000", base.per_second, base.cpu_per_1000);
    store.close().await;
    waiting(folder.path()).await;
}

/// The same work beside a thousand and beside a million that wait.
async fn waiting(folder: &Path) {
    let many: u64 =
        std::env::var("POSTERN_BENCH_WAITING").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let mut costs = Vec::new();
    for count in [1_000, many] {
        let file = folder.join(format!("waiting{count}.db"));
        open(&file).await.close().await;
        fill(&file, count).await;
        let store = open(&file).await;
        let direct = repeat(&store, 50, Step::Cycle).await;
        let queued = claim_a_thousand(&store).await;
        println!(
            "{count} waiting: accept with claim, settle {:.0} per second, CPU {:.3}; claim, settle {:.0} per second, CPU {:.3}",
            direct.per_second, direct.cpu_per_1000, queued.per_second, queued.cpu_per_1000
        );
        costs.push((direct, queued));
        lists(&store).await;
        store.close().await;
    }
    let of = |one: &Measured, other: &Measured| {
        (one.per_second / other.per_second, other.cpu_per_1000 / one.cpu_per_1000)
    };
    let (direct, queued) = (of(&costs[0].0, &costs[1].0), of(&costs[0].1, &costs[1].1));
    println!(
        "{many} against 1,000: direct time {:.2} CPU {:.2}, queued time {:.2} CPU {:.2}",
        direct.0, direct.1, queued.0, queued.1
    );
}

/// What is repeated.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Accept,
    /// Accept with a claim, then settle.
    Cycle,
}

struct Measured {
    per_second: f64,
    cpu_per_1000: f64,
}

/// So many at once do it again and again for a while.
async fn repeat(store: &Store, at_once: u32, step: Step) -> Measured {
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let tasks: Vec<_> = (0..at_once)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut done: u64 = 0;
                while start.elapsed() < SPAN {
                    work(&store, step).await;
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await.expect("no worker panics");
    }
    let messages = done as f64;
    Measured {
        per_second: messages / start.elapsed().as_secs_f64(),
        cpu_per_1000: (cpu_seconds() - cpu) / messages * 1000.0,
    }
}

async fn work(store: &Store, step: Step) {
    match step {
        Step::Accept => drop(store.queue().accept(message(), None).await.expect("accepts")),
        Step::Cycle => {
            let lease = lease(OffsetDateTime::now_utc());
            let Ok(Accepted::Claimed(claim)) = store.queue().accept(message(), Some(lease)).await else {
                panic!("it is claimed")
            };
            settle(store, claim.key()).await;
        }
    }
}

/// Fifty at once claim what waits, read it and settle it: five messages of each mailbox.
async fn claim_a_thousand(store: &Store) -> Measured {
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let workers = (0..50).map(|worker| tokio::spawn(claim_some(store.clone(), worker)));
    for worker in workers.collect::<Vec<_>>() {
        worker.await.expect("no worker panics");
    }
    Measured { per_second: 1000.0 / start.elapsed().as_secs_f64(), cpu_per_1000: cpu_seconds() - cpu }
}

async fn claim_some(store: Store, worker: i64) {
    let queue = store.queue();
    for lane_id in (worker..MAILBOXES).step_by(50) {
        for _ in 0..5 {
            let now = OffsetDateTime::now_utc();
            let claims = queue.claim(LaneId(lane_id + 1), 1, now, lease(now)).await.expect("claims");
            let claim = claims.first().expect("five wait in each lane");
            queue.piece(claim.message.id, 0).await.expect("reads").expect("is there");
            settle(&store, claim.key()).await;
        }
    }
}

fn lease(now: OffsetDateTime) -> Lease {
    let node = Node { name: "here".to_owned(), run: Uuid::nil() };
    Lease { node, until: now + time::Duration::minutes(10) }
}

async fn settle(store: &Store, claim: ClaimKey) {
    let settlement = Settlement {
        claim,
        account_id: Uuid::from_u128(1),
        now: OffsetDateTime::now_utc(),
        outcome: AttemptOutcome::Delivered,
        via: Some("graph".to_owned()),
        code: None,
        text: None,
        request_id: Some("0f8fad5b-d9cb-469f-a165-70867728950e".to_owned()),
        remote_id: None,
        recipients: Vec::new(),
        next: Next::Sent,
        report: None,
    };
    store.queue().settle(settlement).await.expect("settles");
}

fn message() -> NewMessage {
    let (id, now) = (Uuid::now_v7(), OffsetDateTime::now_utc());
    let message = Message {
        id,
        lane: LaneKey {
            account_id: Uuid::from_u128(1),
            mailbox: format!("mailbox{}@contoso.com", id.as_u128() % MAILBOXES.unsigned_abs() as u128),
        },
        submitter_id: Some(Uuid::from_u128(7)),
        submitter_name: "scanner".to_owned(),
        source: "192.0.2.7".to_owned(),
        from: Some("scanner@contoso.com".parse().expect("an address")),
        recipients: vec![Recipient {
            address: "ann@contoso.com".parse().expect("an address"),
            notify: None,
            orcpt: None,
        }],
        ret: None,
        envid: None,
        header_from: "Scanner <scanner@contoso.com>".to_owned(),
        subject: "Scan of the second floor".to_owned(),
        message_id: format!("{id}@scanner.contoso.com"),
        size_octets: OCTETS as u64,
        header_octets: 400,
        traits: mail::Traits::default(),
        notes: json!({}),
        received_at: now,
        expires_at: now + time::Duration::days(5),
    };
    let content = NewContent::Whole(vec![Bytes::from(vec![b'x'; OCTETS])]);
    NewMessage { message, first_attempt_at: now, idempotency: None, content }
}

/// What the file system can do: as much as so many messages appended, then flushed, again and again.
fn append_and_flush(folder: &Path, messages: u32) -> f64 {
    let mut file = File::create(folder.join("limit")).expect("creates");
    let octets = vec![b'x'; OCTETS * messages as usize];
    let (start, mut flushed) = (Instant::now(), 0_u32);
    while start.elapsed() < SPAN {
        file.write_all(&octets).expect("appends");
        file.sync_data().expect("flushes");
        flushed += messages;
    }
    f64::from(flushed) / start.elapsed().as_secs_f64()
}

/// How long the administrator waits.
async fn lists(store: &Store) {
    let any = MessageFilter::default;
    let text = |text: &str| Some(text.to_owned());
    for (what, filter) in [
        ("newest", any()),
        ("queued", MessageFilter { states: vec![MessageState::Queued], ..any() }),
        ("failed, of which there are none", MessageFilter { states: vec![MessageState::Failed], ..any() }),
        ("of an account that has none", MessageFilter { account_id: Some(Uuid::from_u128(9)), ..any() }),
        ("a subject that nothing has", MessageFilter { text: text("no such words"), ..any() }),
        ("a recipient that nobody is", MessageFilter { recipient: text("nobody@"), ..any() }),
    ] {
        let start = Instant::now();
        let paged = store.queue().list(&Page::first(100), &filter).await.expect("lists");
        println!(
            "    page, {what}: {} rows, more: {}, {:.1?}",
            paged.rows.len(),
            paged.next.is_some(),
            start.elapsed()
        );
    }
    let start = Instant::now();
    let counted: u64 = store.queue().counts().await.expect("counts").iter().map(|count| count.messages).sum();
    println!("    counts: {counted} in {:.1?}", start.elapsed());
    let start = Instant::now();
    let (now, node) = (OffsetDateTime::now_utc(), Node { name: "here".to_owned(), run: Uuid::nil() });
    let due = store.queue().due_lanes(now, &node, now).await.expect("looks").len();
    println!("    due lanes: {due} in {:.1?}", start.elapsed());
}

async fn open(file: &Path) -> Store {
    Store::open(&Location::Sqlite(file.to_owned()), OffsetDateTime::now_utc()).await.expect("opens")
}

/// So many messages that wait, in all lanes, with a little content each.
async fn fill(file: &Path, count: u64) {
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await.expect("connects");
    for sql in [
        format!(
            "WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < {MAILBOXES} - 1)
             INSERT INTO lanes (account_id, mailbox, counters)
             SELECT '00000000-0000-0000-0000-000000000001', 'mailbox' || n || '@contoso.com', '{{}}' FROM c"
        ),
        format!(
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count})
             INSERT INTO messages (id, lane_id, state, state_since, next_attempt_at, expires_at, attempt, tries, has_content,
               received_at, submitter_name, source, from_address, recipients, first_recipient, header_from, subject,
               message_id, size_octets, header_octets, eight_bit, international, notes, search_text)
             SELECT printf('0190%04x-%04x-7000-8000-%012x', n / 65536, n % 65536, n), n % {MAILBOXES} + 1, 'queued', n,
               1700000000000 + n, 1900000000000, 0, 0, 1, 1700000000000 + n, 'scanner', '192.0.2.7', 'scanner@contoso.com', 1,
               'ann' || n || '@contoso.com', 'Scanner <scanner@contoso.com>', 'Scan number ' || n,
               n || '@scanner.contoso.com', 300, 100, 0, 0, '{{}}',
               'scanner@contoso.com scanner <scanner@contoso.com> scan number ' || n || ' ann' || n || '@contoso.com'
             FROM c"
        ),
        "INSERT INTO recipients (message_id, position, address) SELECT id, 0, first_recipient FROM messages".to_owned(),
        "INSERT INTO content (message_id, piece, octets) SELECT id, 0, zeroblob(300) FROM messages".to_owned(),
    ] {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("fills");
    }
    connection.close().await.expect("closes");
}

/// User and system time of this process so far: /proc/self/stat, fields 14 and 15, in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux has it");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("it has a name").split_whitespace().collect();
    let ticks = |field: usize| fields[field - 3].parse::<f64>().expect("a number");
    (ticks(14) + ticks(15)) / 100.0
}
