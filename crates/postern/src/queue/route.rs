//! Decides where a message goes: which account, as whom, and by which of its doors so that it reaches exactly its
//! envelope. It is asked at the door, where a message that no way can carry is refused with the reason, and again before
//! each try, because the account may have been changed since. It does no I/O; its neighbours are `accept` and `worker`.

use mail::header::{Authors, Recipients};
use mail::{Address, Traits};
use serde::Deserialize;
use store::{ForeignFrom, LargeMail};
use submission::Refusal;
use uuid::Uuid;

use super::limits::{Load, Way};

/// As whom something may send: `scanner@contoso.com`, `*@contoso.com`, or `*` for anyone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SenderPattern(String);

/// The text covers no sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no sender; write scanner@contoso.com, *@contoso.com for a whole domain, or * for anyone")]
pub struct NotASender(String);

impl TryFrom<String> for SenderPattern {
    type Error = NotASender;

    fn try_from(text: String) -> Result<Self, NotASender> {
        let pattern = Self::new(&text);
        let sample = match pattern.0.strip_prefix("*@") {
            Some(domain) => format!("anyone@{domain}"),
            None => pattern.0.clone(),
        };
        let covers = pattern.0 == "*" || sample.parse::<Address>().is_ok() && !sample.contains(' ');
        if covers { Ok(pattern) } else { Err(NotASender(text)) }
    }
}

impl SenderPattern {
    /// Its text, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From its text.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_lowercase())
    }

    /// Whether it covers this address; case doesn't count, as in Exchange.
    pub fn covers(&self, address: &Address) -> bool {
        let address = address.as_str().to_lowercase();
        match self.0.strip_prefix('*') {
            Some("") => true,
            Some(domain) => domain.starts_with('@') && address.ends_with(domain),
            None => self.0 == address,
        }
    }
}

/// An account as a route sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Its id.
    pub account_id: Uuid,
    /// Its name.
    pub name: String,
    /// The door that its mail usually goes by.
    pub usual: Way,
    /// Which way mail goes that Graph can't carry as it is.
    pub large_mail: LargeMail,
    /// The mailbox it sends as unless the message says otherwise; none while nobody has signed in.
    pub mailbox: Option<Address>,
    /// As whom else it may send.
    pub senders: Vec<SenderPattern>,
    /// Whether it reaches every mailbox by itself (application sign-in): then the limits that count are those of the
    /// mailbox in From.
    pub sends_as_any_mailbox: bool,
    /// Whether it is the default.
    pub is_default: bool,
}

impl Sender {
    /// Whether it may send as this address.
    pub fn may_send_as(&self, address: &Address) -> bool {
        self.mailbox.as_ref().is_some_and(|own| own.is_same_mailbox(address))
            || self.senders.iter().any(|pattern| pattern.covers(address))
    }

    /// Whose mailbox a message from `author` goes out of.
    pub fn mailbox_for<'a>(&'a self, author: Option<&'a Address>) -> Option<&'a Address> {
        match author {
            Some(author) if self.sends_as_any_mailbox => Some(author),
            _ => self.mailbox.as_ref(),
        }
    }
}

/// What a submitter may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    /// As whom it may send; anyone its account may send as where this is empty.
    pub senders: Vec<SenderPattern>,
    /// What happens to any other From.
    pub foreign_from: ForeignFrom,
    /// Its account; the one that fits the From where there is none.
    pub account_id: Option<Uuid>,
}

/// The account for a message from `authors`.
pub fn choose<'a>(accounts: &'a [Sender], permit: &Permit, authors: &Authors) -> Result<&'a Sender, Refusal> {
    if let Some(bound) = permit.account_id {
        return accounts.iter().find(|account| account.account_id == bound).ok_or_else(|| {
            Refusal::new(451, "4.3.5", "The account that this submitter sends through is gone; the administrator must name another one")
        });
    }
    let fits = |account: &&Sender| {
        !authors.addresses.is_empty() && authors.addresses.iter().all(|author| account.may_send_as(author))
    };
    // The default comes first where several fit.
    let preferred = accounts.iter().filter(|account| account.is_default).chain(accounts);
    let fitting = preferred.clone().find(fits);
    fitting.or_else(|| accounts.iter().find(|account| account.is_default)).ok_or_else(|| {
        let text = match accounts.is_empty() {
            true => "There is no Microsoft 365 account yet; the administrator must add one (Settings, Email Settings)",
            false => "No account fits this sender and none is the default; the administrator must choose one",
        };
        Refusal::new(451, "4.3.5", text)
    })
}

/// What becomes of From.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromVerdict {
    /// It stays.
    Keep,
    /// This one takes its place.
    Rewrite(Address),
}

/// Whether a message from `authors` may go as it says.
pub fn check_from(account: &Sender, permit: &Permit, authors: &Authors) -> Result<FromVerdict, Refusal> {
    let own = account.mailbox.as_ref();
    if authors.addresses.is_empty() && authors.unreadable.is_empty() {
        return own.cloned().map(FromVerdict::Rewrite).ok_or_else(|| not_signed_in(account));
    }
    let allowed = |author: &&Address| {
        let by_permit =
            permit.senders.is_empty() || permit.senders.iter().any(|pattern| pattern.covers(author));
        by_permit && account.may_send_as(author)
    };
    let foreign = authors.addresses.iter().find(|author| !allowed(author)).map(Address::as_str);
    let Some(foreign) = foreign.or(authors.unreadable.first().map(String::as_str)) else {
        return Ok(FromVerdict::Keep);
    };
    match (permit.foreign_from, own) {
        (ForeignFrom::Rewrite, Some(own)) => Ok(FromVerdict::Rewrite(own.clone())),
        (_, None) if account.senders.is_empty() => Err(not_signed_in(account)),
        _ => Err(Refusal::new(
            550,
            "5.7.1",
            format!(
                "{foreign} is not a sender that this submitter and the account {} may use; \
                 use another From, or the administrator allows it or lets it be rewritten",
                account.name
            ),
        )),
    }
}

/// The account's mailbox isn't known yet.
pub fn not_signed_in(account: &Sender) -> Refusal {
    let text = format!(
        "Nobody has signed in for the account {} yet, so its mailbox is not known; the administrator must press \
         Authorize now, or set From",
        account.name
    );
    Refusal::new(451, "4.3.5", text)
}

/// The way of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// By which door.
    pub way: Way,
    /// Recipients that stand in no To or Cc: by Graph they, and no others, stand in Bcc.
    pub hidden: Vec<Address>,
}

/// The largest message that Graph takes in one request (additions C2): more is answered 200 and not sent.
pub const GRAPH_ONE_REQUEST_OCTETS: u64 = 2 * 1024 * 1024;
/// A part of an upload.
const UPLOAD_PART_OCTETS: u64 = 3 * 1024 * 1024;

/// The way by which a message reaches exactly `envelope`.
///
/// # Errors
/// 5.6.0 or 5.3.4 with the reason: no way that the account allows can carry it.
pub fn plan(
    account: &Sender,
    shown: &Recipients,
    envelope: &[Address],
    size_octets: u64,
) -> Result<Plan, Refusal> {
    let hidden = shown.hidden(envelope);
    let by = |way| Ok(Plan { way, hidden: hidden.clone() });
    if account.usual == Way::Smtp {
        return by(Way::Smtp);
    }
    let outside = shown.outside(envelope).map(Address::as_str);
    let outside = outside.or(shown.unreadable.first().map(String::as_str));
    match outside {
        Some(_) if account.large_mail == LargeMail::Smtp => return by(Way::Smtp),
        Some(outside) => return Err(cannot_address(account, outside)),
        None if size_octets <= GRAPH_ONE_REQUEST_OCTETS => return by(Way::Graph),
        None => {}
    }
    match account.large_mail {
        LargeMail::Draft => by(Way::Graph),
        LargeMail::Smtp => by(Way::Smtp),
        LargeMail::Refuse => Err(Refusal::new(
            552,
            "5.3.4",
            format!(
                "The message has {size_octets} octets; the account {} sends by Graph, which takes \
                 {GRAPH_ONE_REQUEST_OCTETS} in one request, and larger mail is refused for it; the administrator may \
                 allow it",
                account.name
            ),
        )),
    }
}

/// Graph mails whoever stands in the header (facts 5.2), so a header that names others would be mailed to them.
fn cannot_address(account: &Sender, outside: &str) -> Refusal {
    let outside: String = outside.chars().filter(|character| !character.is_control()).take(100).collect();
    let text = format!(
        "The header names {outside}, who is not among the recipients; Graph would mail them too, and the account {} \
         sends by Graph only; the administrator may let such mail go by SMTP",
        account.name
    );
    Refusal::new(550, "5.6.0", text)
}

/// What a message asks of its mailbox.
pub fn load(way: Way, size_octets: u64, recipients: usize) -> Load {
    let recipients = u32::try_from(recipients).unwrap_or(u32::MAX);
    let parts = u32::try_from(size_octets.div_ceil(UPLOAD_PART_OCTETS)).unwrap_or(u32::MAX);
    match way {
        Way::Smtp => Load { way, requests: 1, octets: size_octets, recipients },
        // In one request it travels as base64.
        Way::Graph if size_octets <= GRAPH_ONE_REQUEST_OCTETS => {
            Load { way, requests: 1, octets: size_octets.div_ceil(3) * 4, recipients }
        }
        // The draft, its attachments' sessions and parts, and the send.
        Way::Graph => Load { way, requests: parts.saturating_add(4), octets: size_octets, recipients },
    }
}

/// Whether the envelope or the header ask for SMTPUTF8.
pub fn with_envelope(traits: Traits, from: Option<&Address>, to: &[Address]) -> Traits {
    let ascii = from.is_none_or(Address::is_ascii) && to.iter().all(Address::is_ascii);
    Traits { international: traits.international || !ascii, ..traits }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn sender(name: &str, mailbox: &str, senders: &[&str]) -> Sender {
        Sender {
            account_id: Uuid::from_u128(name.len() as u128),
            name: name.to_owned(),
            usual: Way::Graph,
            large_mail: LargeMail::Smtp,
            mailbox: Some(address(mailbox)),
            senders: senders.iter().map(|text| SenderPattern::new(text)).collect(),
            sends_as_any_mailbox: false,
            is_default: false,
        }
    }

    fn authors(addresses: &[&str]) -> Authors {
        Authors { addresses: addresses.iter().map(|text| address(text)).collect(), ..Authors::default() }
    }

    fn permit(senders: &[&str], foreign_from: ForeignFrom) -> Permit {
        let senders = senders.iter().map(|text| SenderPattern::new(text)).collect();
        Permit { senders, foreign_from, account_id: None }
    }

    fn header(to: &[&str], cc: &[&str], bcc: &[&str]) -> Recipients {
        let list = |texts: &[&str]| texts.iter().map(|text| address(text)).collect();
        Recipients { to: list(to), cc: list(cc), bcc: list(bcc), ..Recipients::default() }
    }

    fn envelope(texts: &[&str]) -> Vec<Address> {
        texts.iter().map(|text| address(text)).collect()
    }

    #[test]
    fn patterns_cover_whole_addresses_and_whole_domains_only() {
        for (pattern, given, covered) in [
            ("scanner@contoso.com", "Scanner@Contoso.com", true),
            ("scanner@contoso.com", "xscanner@contoso.com", false),
            ("*@contoso.com", "any.one@CONTOSO.com", true),
            ("*@contoso.com", "a@evil-contoso.com", false),
            ("*@contoso.com", "a@sub.contoso.com", false),
            ("*", "a@b.example", true),
            ("*contoso.com", "a@contoso.com", false),
        ] {
            assert_eq!(SenderPattern::new(pattern).covers(&address(given)), covered, "{pattern} {given}");
        }
    }

    #[test]
    fn what_covers_nobody_is_refused() {
        for text in ["", "scanner", "@contoso.com", "*@", "*contoso.com", "a@b, c@d", "*@contoso.com x"] {
            assert!(SenderPattern::try_from(text.to_owned()).is_err(), "{text:?}");
        }
        for text in ["*", " *@Contoso.com ", "Scanner@contoso.com"] {
            let pattern = SenderPattern::try_from(text.to_owned()).unwrap();
            assert_eq!(pattern.as_str(), text.trim().to_lowercase());
        }
    }

    #[test]
    fn the_account_is_the_submitters_or_the_one_that_fits_or_the_default() {
        let one = Sender { is_default: true, ..sender("one", "relay@contoso.com", &[]) };
        let three = sender("three", "mail@fabrikam.com", &["*@fabrikam.com"]);
        let accounts = [one, three];
        let free = permit(&[], ForeignFrom::Refuse);
        let name =
            |permit: &Permit, from: &[&str]| choose(&accounts, permit, &authors(from)).unwrap().name.clone();
        assert_eq!(name(&free, &["nas@fabrikam.com"]), "three");
        assert_eq!(name(&free, &["nas@elsewhere.com"]), "one");
        assert_eq!(name(&free, &[]), "one");
        let bound = Permit { account_id: Some(accounts[1].account_id), ..free.clone() };
        assert_eq!(name(&bound, &["relay@contoso.com"]), "three");
        let gone = Permit { account_id: Some(Uuid::from_u128(99)), ..free.clone() };
        assert_eq!(choose(&accounts, &gone, &authors(&[])).unwrap_err().code, 451);
        let refusal = choose(&[], &free, &authors(&[])).unwrap_err();
        assert!(refusal.code == 451 && refusal.text.contains("the administrator must add one"), "{refusal}");
    }

    #[test]
    fn a_foreign_from_is_refused_or_rewritten_and_none_at_all_is_given() {
        let account = sender("one", "relay@contoso.com", &["*@contoso.com"]);
        let refuse = permit(&["nas@contoso.com"], ForeignFrom::Refuse);
        let rewrite = permit(&["nas@contoso.com"], ForeignFrom::Rewrite);
        let own = FromVerdict::Rewrite(address("relay@contoso.com"));
        assert_eq!(check_from(&account, &refuse, &authors(&["NAS@contoso.com"])), Ok(FromVerdict::Keep));
        for foreign in
            [&["boss@contoso.com"][..], &["nas@contoso.com", "boss@contoso.com"], &["x@evil.example"]]
        {
            let refusal = check_from(&account, &refuse, &authors(foreign)).unwrap_err();
            assert_eq!((refusal.code, refusal.enhanced), (550, "5.7.1"));
            assert_eq!(check_from(&account, &rewrite, &authors(foreign)).as_ref(), Ok(&own));
        }
        assert_eq!(check_from(&account, &refuse, &authors(&[])).as_ref(), Ok(&own), "a message without From");
        let odd = Authors { unreadable: vec!["root".into()], ..Authors::default() };
        assert!(check_from(&account, &refuse, &odd).is_err());
        let unsigned = Sender { mailbox: None, senders: vec![], ..account };
        let refusal = check_from(&unsigned, &refuse, &authors(&["nas@contoso.com"])).unwrap_err();
        assert!(refusal.code == 451 && refusal.text.contains("Authorize now"), "{refusal}");
    }

    #[test]
    fn recipients_in_no_header_are_hidden_and_header_recipients_outside_are_never_mailed() {
        let account = sender("one", "relay@contoso.com", &[]);
        let shown = header(&["a@x.example"], &["b@x.example"], &["c@x.example"]);
        let all = envelope(&["A@x.example", "b@x.example", "d@x.example"]);
        let planned = plan(&account, &shown, &all, 1000).unwrap();
        assert_eq!(planned, Plan { way: Way::Graph, hidden: envelope(&["d@x.example"]) });
        // A Bcc that is not in the envelope is no obstacle: it is taken out.
        let fewer = envelope(&["a@x.example"]);
        assert_eq!(plan(&account, &shown, &fewer, 1000).unwrap().way, Way::Smtp);
        let strict = Sender { large_mail: LargeMail::Draft, ..account.clone() };
        let refusal = plan(&strict, &shown, &fewer, 1000).unwrap_err();
        assert!(refusal.code == 550 && refusal.text.contains("b@x.example"), "{refusal}");
        let smtp = Sender { usual: Way::Smtp, ..account };
        assert_eq!(plan(&smtp, &shown, &fewer, 1000).unwrap().way, Way::Smtp);
    }

    #[test]
    fn a_bcc_that_cannot_be_read_is_no_obstacle_and_a_to_that_stands_there_twice_names_nobody() {
        let account = Sender { large_mail: LargeMail::Draft, ..sender("one", "relay@contoso.com", &[]) };
        let to = envelope(&["a@x.example", "b@x.example"]);
        let odd = |name: &str| vec![name.to_owned()];
        let shown = Recipients { unreadable_bcc: odd("Array"), ..header(&["a@x.example"], &[], &[]) };
        assert_eq!(plan(&account, &shown, &to, 1000).unwrap().hidden, envelope(&["b@x.example"]));
        let shown = Recipients { unreadable: odd("root"), ..header(&["a@x.example"], &[], &[]) };
        assert_eq!(plan(&account, &shown, &to, 1000).unwrap_err().code, 550);
        let shown = Recipients { repeated: true, ..header(&["a@x.example", "b@x.example"], &[], &[]) };
        assert_eq!(plan(&account, &shown, &to, 1000).unwrap().hidden, to);
    }

    #[test]
    fn what_is_large_goes_as_the_account_allows() {
        let account = |large_mail| Sender { large_mail, ..sender("one", "relay@contoso.com", &[]) };
        let (shown, all) = (header(&["a@x.example"], &[], &[]), envelope(&["a@x.example"]));
        let way = |large_mail, size| plan(&account(large_mail), &shown, &all, size).map(|plan| plan.way);
        assert_eq!(way(LargeMail::Refuse, GRAPH_ONE_REQUEST_OCTETS), Ok(Way::Graph));
        for (large_mail, expected) in [(LargeMail::Draft, Way::Graph), (LargeMail::Smtp, Way::Smtp)] {
            assert_eq!(way(large_mail, GRAPH_ONE_REQUEST_OCTETS + 1), Ok(expected));
        }
        assert_eq!(way(LargeMail::Refuse, GRAPH_ONE_REQUEST_OCTETS + 1).unwrap_err().code, 552);
    }

    #[test]
    fn an_application_sends_out_of_the_mailbox_that_the_message_names() {
        let mut account = sender("one", "relay@contoso.com", &["*@contoso.com"]);
        let nas = address("nas@contoso.com");
        assert_eq!(account.mailbox_for(Some(&nas)).unwrap().as_str(), "relay@contoso.com");
        account.sends_as_any_mailbox = true;
        assert_eq!(account.mailbox_for(Some(&nas)), Some(&nas));
        assert_eq!(account.mailbox_for(None).unwrap().as_str(), "relay@contoso.com");
    }
}
