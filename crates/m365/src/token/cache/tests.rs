use time::macros::datetime;
use tokio::sync::Semaphore;

use super::*;
use crate::account::Transport;
use crate::grant_keeper::{KeeperTrouble, Kept};
use crate::scripted::http::{Play, ScriptedHttp};
use crate::secret::RefreshToken;
use crate::testing::{self, connect, now, read_form, refusal, token_answer};

fn issued(life: Duration) -> Issued {
    let obtained_at = datetime!(2026-11-21 12:00 UTC);
    Issued {
        access_token: AccessToken::new("t"),
        obtained_at,
        expires_at: obtained_at + life,
        scopes: Vec::new(),
        refresh_token: None,
    }
}

fn margin(life: Duration, resource: Resource) -> Duration {
    let issued = issued(life);
    issued.expires_at - issued.renew_at(resource)
}

#[test]
fn a_token_for_exchange_is_renewed_ten_minutes_before_its_end() {
    assert_eq!(margin(Duration::minutes(75), Resource::Outlook), Duration::minutes(10));
    assert_eq!(margin(Duration::minutes(10), Resource::Outlook), Duration::minutes(8));
}

#[test]
fn a_token_for_graph_is_renewed_in_its_last_tenth() {
    assert_eq!(margin(Duration::minutes(40), Resource::Graph), Duration::minutes(4));
    assert_eq!(margin(Duration::hours(28), Resource::Graph), Duration::minutes(5));
}

/// Keeps a grant in memory; can be told to wait, to fail, and to find the account changed.
struct Drawer {
    held: Mutex<Option<&'static str>>,
    stored: Mutex<Vec<String>>,
    gate: Semaphore,
    at_gate: Semaphore,
    trouble: Option<KeeperTrouble>,
}

impl Drawer {
    fn with(held: Option<&'static str>) -> Self {
        Self {
            held: Mutex::new(held),
            stored: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            at_gate: Semaphore::new(0),
            trouble: None,
        }
    }

    fn failing(trouble: KeeperTrouble) -> Self {
        Self { trouble: Some(trouble), ..Self::with(Some("held")) }
    }

    /// Nobody loads until the gate is opened.
    fn gated() -> Self {
        Self { gate: Semaphore::new(0), ..Self::with(Some("held")) }
    }

    async fn somebody_waits(&self) {
        self.at_gate.acquire().await.unwrap().forget();
    }

    fn open(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    fn stored(&self) -> Vec<String> {
        self.stored.lock().unwrap().clone()
    }
}

impl GrantKeeper for Drawer {
    fn load<'a>(&'a self, _account_id: &'a str, _version: i64) -> Kept<'a, Option<RefreshToken>> {
        Box::pin(async {
            self.at_gate.add_permits(1);
            self.gate.acquire().await.unwrap().forget();
            Ok(self.held.lock().unwrap().map(RefreshToken::new))
        })
    }

    fn replace<'a>(
        &'a self,
        _account_id: &'a str,
        _version: i64,
        successor: RefreshToken,
        _renewed_at: OffsetDateTime,
    ) -> Kept<'a, ()> {
        Box::pin(async move {
            match self.trouble.clone() {
                Some(trouble) => Err(trouble),
                None => {
                    self.stored.lock().unwrap().push(successor.expose().to_owned());
                    Ok(())
                }
            }
        })
    }
}

/// An account at a scripted login host, with its cache.
struct Desk {
    server: ScriptedHttp,
    drawer: Arc<Drawer>,
    tokens: Tokens,
    connection: Arc<Connection>,
    account: Arc<Account>,
}

async fn desk(drawer: Drawer, plays: impl IntoIterator<Item = Play>) -> Desk {
    let server = ScriptedHttp::play(plays).await;
    let account = Arc::new(testing::account(&server.url));
    let drawer = Arc::new(drawer);
    Desk {
        tokens: Tokens::new(drawer.clone()),
        connection: Arc::new(connect(&account)),
        server,
        drawer,
        account,
    }
}

impl Desk {
    async fn access_at(&self, resource: Resource, now: OffsetDateTime) -> Result<String, Failure> {
        let token = self.tokens.access(&self.connection, &self.account, resource, now).await;
        token.map(|token| token.expose().to_owned())
    }

    async fn access(&self) -> Result<String, Failure> {
        self.access_at(Resource::Graph, now()).await
    }

    /// Asks in a task of its own.
    fn ask(&self, account: &Arc<Account>) -> tokio::task::JoinHandle<Result<AccessToken, Failure>> {
        let (tokens, connection) = (self.tokens.clone(), Arc::clone(&self.connection));
        let account = Arc::clone(account);
        tokio::spawn(async move { tokens.access(&connection, &account, Resource::Graph, now()).await })
    }

    fn next_version(&self) -> Arc<Account> {
        let mut account = testing::account(&self.server.url);
        account.version = self.account.version + 1;
        Arc::new(account)
    }
}

#[tokio::test]
async fn however_many_ask_one_request_is_made() {
    let desk = desk(Drawer::gated(), [token_answer("shared", None)]).await;
    let askers: Vec<_> = (0..20).map(|_| desk.ask(&desk.account)).collect();
    desk.drawer.somebody_waits().await;
    desk.drawer.open();
    for asker in askers {
        assert_eq!(asker.await.unwrap().unwrap().expose(), "shared");
    }
    assert_eq!(desk.server.requests().await.len(), 1);
}

#[tokio::test]
async fn a_token_is_used_until_it_nears_its_end_and_each_resource_has_its_own() {
    let plays = [token_answer("graph-1", None), token_answer("smtp-1", None), token_answer("smtp-2", None)];
    let desk = desk(Drawer::with(Some("held")), plays).await;
    let later = now() + Duration::minutes(51);
    assert_eq!(desk.access_at(Resource::Graph, now()).await.unwrap(), "graph-1");
    assert_eq!(desk.access_at(Resource::Outlook, now()).await.unwrap(), "smtp-1");
    assert_eq!(desk.access_at(Resource::Graph, later).await.unwrap(), "graph-1");
    assert_eq!(desk.access_at(Resource::Outlook, later).await.unwrap(), "smtp-2");
    assert_eq!(desk.server.requests().await.len(), 3);
}

#[tokio::test]
async fn a_successor_is_stored_and_an_answer_without_one_keeps_the_old() {
    let with_successor = desk(Drawer::with(Some("held")), [token_answer("t", Some("next"))]).await;
    with_successor.access().await.unwrap();
    assert_eq!(with_successor.drawer.stored(), ["next"]);
    let form = read_form(&with_successor.server.requests().await[0].body);
    assert_eq!(form["refresh_token"], "held");
    for no_news in [token_answer("t", None), token_answer("t", Some("held"))] {
        let without = desk(Drawer::with(Some("held")), [no_news]).await;
        without.access().await.unwrap();
        assert_eq!(without.drawer.stored(), [""; 0]);
    }
}

#[tokio::test]
async fn a_successor_that_cannot_be_stored_is_an_error_and_the_old_is_used_again() {
    let drawer = Drawer::failing(KeeperTrouble::Failed("disk full".to_owned()));
    let desk = desk(drawer, [token_answer("a", Some("next")), token_answer("b", Some("next"))]).await;
    for _ in 0..2 {
        let failure = desk.access().await.expect_err("nothing was stored");
        assert_eq!(failure.code(), "grant_not_stored");
        assert!(failure.is_temporary() && failure.to_string().contains("disk full"));
    }
    for request in desk.server.requests().await {
        assert_eq!(read_form(&request.body)["refresh_token"], "held");
    }
}

#[tokio::test]
async fn a_keeper_that_finds_the_account_changed_ends_it() {
    let desk = desk(Drawer::failing(KeeperTrouble::AccountChanged), [token_answer("a", Some("next"))]).await;
    assert_eq!(desk.access().await.expect_err("changed").code(), "account_changed");
}

#[tokio::test]
async fn a_slow_answer_for_an_account_that_was_changed_is_refused() {
    let desk =
        desk(Drawer::gated(), [token_answer("old", Some("old-next")), token_answer("new", None)]).await;
    let old = desk.ask(&desk.account);
    desk.drawer.somebody_waits().await;
    let changed = desk.next_version();
    let new = desk.ask(&changed);
    // The newer account's shelf is made before it waits for the grant, which the old one still uses.
    while desk.tokens.lock()[&changed.id].version == desk.account.version {
        tokio::task::yield_now().await;
    }
    desk.drawer.open();
    assert_eq!(old.await.unwrap().expect_err("too late").code(), "account_changed");
    assert_eq!(new.await.unwrap().unwrap().expose(), "new");
    assert_eq!(desk.drawer.stored(), [""; 0], "the old grant's successor was not stored");
    assert_eq!(desk.access().await.expect_err("an old handle").code(), "account_changed");
}

#[tokio::test]
async fn what_is_under_way_when_an_account_is_forgotten_is_refused() {
    let desk =
        desk(Drawer::gated(), [token_answer("stale", Some("next")), token_answer("fresh", None)]).await;
    let asker = desk.ask(&desk.account);
    desk.drawer.somebody_waits().await;
    desk.tokens.forget(&desk.account.id);
    desk.drawer.open();
    assert_eq!(asker.await.unwrap().expect_err("forgotten").code(), "account_changed");
    assert_eq!(desk.access().await.unwrap(), "fresh");
}

#[tokio::test]
async fn the_fetching_goes_on_when_whoever_asked_has_gone() {
    let desk = desk(Drawer::gated(), [token_answer("kept", Some("next"))]).await;
    let asker = desk.ask(&desk.account);
    desk.drawer.somebody_waits().await;
    asker.abort();
    assert!(asker.await.unwrap_err().is_cancelled());
    desk.drawer.open();
    assert_eq!(desk.access().await.unwrap(), "kept");
    assert_eq!(desk.drawer.stored(), ["next"]);
    assert_eq!(desk.server.requests().await.len(), 1);
}

#[tokio::test]
async fn a_token_that_is_still_good_outlives_an_outage_but_not_a_refusal() {
    let outage = || refusal(503, "temporarily_unavailable", 90033);
    let plays = [token_answer("good", None), outage(), outage(), refusal(400, "invalid_grant", 50173)];
    let desk = desk(Drawer::with(Some("held")), plays).await;
    let near_the_end = now() + Duration::minutes(57);
    assert_eq!(desk.access().await.unwrap(), "good");
    assert_eq!(desk.access_at(Resource::Graph, near_the_end).await.unwrap(), "good");
    let failure = desk.access_at(Resource::Graph, near_the_end).await.expect_err("the grant is dead");
    assert_eq!(failure.code(), "AADSTS50173");
    assert_eq!(desk.server.requests().await.len(), 4);
}

#[tokio::test]
async fn a_token_that_has_ended_does_not_outlive_an_outage() {
    let outage = || refusal(503, "temporarily_unavailable", 90033);
    let desk = desk(Drawer::with(Some("held")), [token_answer("good", None), outage(), outage()]).await;
    desk.access().await.unwrap();
    let failure =
        desk.access_at(Resource::Graph, now() + Duration::hours(1)).await.expect_err("it has ended");
    assert!(failure.is_temporary());
}

#[tokio::test]
async fn only_the_token_that_was_refused_is_taken_off_the_shelf() {
    let desk = desk(Drawer::with(Some("held")), [token_answer("one", None), token_answer("two", None)]).await;
    assert_eq!(desk.access().await.unwrap(), "one");
    desk.tokens.invalidate(&desk.account, Resource::Graph, &AccessToken::new("another"));
    desk.tokens.invalidate(&desk.account, Resource::Outlook, &AccessToken::new("one"));
    assert_eq!(desk.access().await.unwrap(), "one");
    desk.tokens.invalidate(&desk.account, Resource::Graph, &AccessToken::new("one"));
    assert_eq!(desk.access().await.unwrap(), "two");
}

#[tokio::test]
async fn a_renewal_uses_the_grant_though_a_token_is_at_hand() {
    let plays = [token_answer("one", None), token_answer("two", Some("next"))];
    let desk = desk(Drawer::with(Some("held")), plays).await;
    desk.access().await.unwrap();
    desk.tokens.renew(&desk.connection, &desk.account, now()).await.unwrap();
    assert_eq!(desk.drawer.stored(), ["next"]);
    assert_eq!(desk.access().await.unwrap(), "two");
}

#[tokio::test]
async fn without_a_grant_somebody_has_to_sign_in() {
    let desk = desk(Drawer::with(None), []).await;
    let failure = desk.access().await.expect_err("there is no grant");
    assert_eq!(failure.code(), "needs_sign_in");
    assert!(!failure.is_temporary());
}

#[tokio::test]
async fn an_application_needs_no_grant() {
    let server = ScriptedHttp::play([token_answer("app", None)]).await;
    let mut account = testing::account(&server.url);
    account.sign_in = SignIn::Application;
    account.transport = Transport::Smtp;
    let (connection, account) = (Arc::new(connect(&account)), Arc::new(account));
    let tokens = Tokens::new(Arc::new(Drawer::with(None)));
    let token = tokens.access(&connection, &account, Resource::Outlook, now()).await.unwrap();
    assert_eq!(token.expose(), "app");
}
