//! Who reads what is sent to a name without a domain, such as cron's `root`: the aliases of this machine, in `/etc/aliases` as
//! every sendmail reads them (aliases(5)). Addresses and other names are followed; programs, files and lists in files are not,
//! because mail goes to mailboxes of Microsoft 365 only. `default`, as in msmtp, stands for each name that has no line.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use mail::Address;

use super::{Status, Trouble};

/// Where every sendmail looks for them.
pub(super) const ALIASES: &str = "/etc/aliases";

/// Names of this machine, and who reads their mail.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    /// Where they stand, for people.
    source: String,
    /// By name in lower case.
    readers: HashMap<String, Vec<String>>,
}

/// Whom a program wants to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Recipient {
    Address(Address),
    /// A name of this machine.
    Local(String),
}

/// An address at one of these is a name of this machine.
const HERE: [&str; 2] = ["localhost", "localhost.localdomain"];

impl Aliases {
    /// What can't be read is empty, and says so where a name is looked for in vain.
    pub(super) fn read(path: &Path) -> Self {
        let shown = path.display();
        match std::fs::read(path) {
            Ok(octets) => Self::parse(&String::from_utf8_lossy(&octets), shown.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::parse("", shown.to_string()),
            Err(error) => Self::parse("", format!("{shown}, which can't be read ({error})")),
        }
    }

    fn parse(text: &str, source: String) -> Self {
        let mut readers: HashMap<String, Vec<String>> = HashMap::new();
        let mut last = None;
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            // A line that begins with a blank goes on with the one before.
            let list = match line.starts_with([' ', '\t']) {
                true => line,
                false => {
                    let (name, list) = line.split_once(':').unwrap_or_default();
                    last = Some(name.trim().trim_matches('"').to_lowercase());
                    list
                }
            };
            let words =
                split_at_commas(list).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned);
            if let Some(name) = last.as_ref().filter(|name| !name.is_empty()) {
                readers.entry(name.clone()).or_default().extend(words);
            }
        }
        Self { source, readers }
    }

    /// The addresses of one recipient.
    ///
    /// # Errors
    /// EX_NOUSER: nobody reads what is sent to this name.
    pub(super) fn addresses_of(&self, recipient: &Recipient) -> Result<Vec<Address>, Trouble> {
        match recipient {
            Recipient::Address(address) => Ok(vec![address.clone()]),
            Recipient::Local(name) => Some(self.readers_of(name)).filter(|found| !found.is_empty()).ok_or_else(|| {
                let text = format!(
                    "{name} is a name of this machine, which has no mailboxes; say who reads its mail by a line in {}: \
                     {name}: you@example.com",
                    self.source
                );
                Trouble::new(Status::NoUser, text)
            }),
        }
    }

    /// A list of recipients as it stands in To, Cc or Bcc, with the readers in place of the names of this machine; none where
    /// it stays as it is.
    pub(super) fn with_readers(&self, list: &str) -> Option<String> {
        let mut changed = false;
        let words = split_at_commas(list).map(|word| {
            let word = word.trim();
            let bare = word.rsplit_once('<').map_or(word, |(_, address)| address.trim_end_matches('>'));
            let readers = local_name(bare).map(|name| self.readers_of(name)).unwrap_or_default();
            changed |= !readers.is_empty();
            match readers.is_empty() {
                true => word.to_owned(),
                false => readers.iter().map(Address::as_str).collect::<Vec<_>>().join(",\r\n "),
            }
        });
        let list = words.collect::<Vec<_>>().join(",\r\n ");
        changed.then_some(list)
    }

    fn readers_of(&self, name: &str) -> Vec<Address> {
        let mut found = Vec::new();
        self.follow(name, &mut HashSet::new(), &mut found);
        found
    }

    fn follow(&self, name: &str, followed: &mut HashSet<String>, found: &mut Vec<Address>) {
        let name = name.to_lowercase();
        let readers = self.readers.get(&name).or_else(|| self.readers.get("default"));
        if !followed.insert(name) {
            return;
        }
        for reader in readers.into_iter().flatten() {
            match Recipient::read(reader.trim_matches('"')) {
                Some(Recipient::Address(address)) => found.push(address),
                Some(Recipient::Local(other)) => self.follow(&other, followed, found),
                None => {}
            }
        }
    }
}

impl Recipient {
    /// From one address, or one name of this machine; none where it is neither.
    pub(super) fn read(text: &str) -> Option<Self> {
        match local_name(text) {
            Some(name) => Some(Self::Local(name.to_owned())),
            None => text.parse().ok().map(Self::Address),
        }
    }
}

/// `root`, of `root` and `root@localhost`.
fn local_name(text: &str) -> Option<&str> {
    let name = match text.split_once('@') {
        Some((name, domain)) if HERE.iter().any(|here| domain.eq_ignore_ascii_case(here)) => name,
        Some(_) => return None,
        None => text,
    };
    let allowed = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-' | '+' | '$');
    (!name.is_empty() && name.chars().all(allowed)).then_some(name)
}

/// At those that stand in no quoted text and no comment.
fn split_at_commas(list: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped, mut depth) = (false, false, 0_u32);
    list.split(move |letter| {
        let meant = !std::mem::take(&mut escaped);
        match letter {
            '\\' if meant => escaped = true,
            '"' if meant && depth == 0 => quoted = !quoted,
            '(' if meant && !quoted => depth += 1,
            ')' if meant && !quoted => depth = depth.saturating_sub(1),
            ',' => return !quoted && depth == 0,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# who reads what\n\
        postmaster: root\n\
        ROOT: \"ann@contoso.com\", \\root,\n\
        \tbob, |/usr/bin/archive, /var/mail/root, :include:/etc/list\n\
        \"bob\": bob@contoso.com\n\
        loop: pool\npool: loop\n\
        program: \"|/usr/bin/vacation, again\"\n\
        broken line\n";

    fn aliases(text: &str) -> Aliases {
        Aliases::parse(text, ALIASES.to_owned())
    }

    fn readers(aliases: &Aliases, name: &str) -> Vec<String> {
        let found = aliases.addresses_of(&Recipient::read(name).unwrap());
        found.unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_name_is_read_by_whom_the_file_says_through_other_names_too() {
        let aliases = aliases(FILE);
        for name in ["root", "Root", "postmaster", "root@localhost", "root@LOCALHOST.localdomain"] {
            assert_eq!(readers(&aliases, name), ["ann@contoso.com", "bob@contoso.com"], "{name}");
        }
        assert_eq!(readers(&aliases, "carl@fabrikam.com"), ["carl@fabrikam.com"]);
    }

    #[test]
    fn a_name_that_leads_to_no_mailbox_is_refused_with_the_line_that_is_missing() {
        let aliases = aliases(FILE);
        for name in ["loop", "program", "broken line", "nobody"].map(|name| name.replace(' ', "-")) {
            let trouble = aliases.addresses_of(&Recipient::Local(name.clone())).unwrap_err();
            assert_eq!(trouble.status, Status::NoUser);
            assert!(
                trouble.text.ends_with(&format!("/etc/aliases: {name}: you@example.com")),
                "{}",
                trouble.text
            );
        }
        let missing = Aliases::read(Path::new("/nowhere/aliases"));
        let trouble = missing.addresses_of(&Recipient::Local("root".to_owned())).unwrap_err();
        assert!(trouble.text.contains("a line in /nowhere/aliases: root:"), "{}", trouble.text);
    }

    #[test]
    fn default_stands_for_each_name_without_a_line() {
        let aliases = aliases("default: it@contoso.com\nroot: ann@contoso.com\n");
        assert_eq!(readers(&aliases, "www-data"), ["it@contoso.com"]);
        assert_eq!(readers(&aliases, "root"), ["ann@contoso.com"]);
    }

    #[test]
    fn a_list_in_the_header_keeps_all_but_the_names_of_this_machine() {
        let aliases = aliases(FILE);
        assert_eq!(aliases.with_readers(" bob\r\n").as_deref(), Some("bob@contoso.com"));
        assert_eq!(
            aliases.with_readers(
                " \"Smith, Carl\" <carl@fabrikam.com>, The root <root>,\r\n x (a, b) <x@fabrikam.com>"
            ),
            Some(
                "\"Smith, Carl\" <carl@fabrikam.com>,\r\n ann@contoso.com,\r\n bob@contoso.com,\r\n \
                 x (a, b) <x@fabrikam.com>"
                    .to_owned()
            )
        );
        for kept in [" carl@fabrikam.com", " nobody", " staff: root;", " loop", "", " \"root, bob\" <a@b.c>"]
        {
            assert_eq!(aliases.with_readers(kept), None, "{kept}");
        }
    }

    #[test]
    fn what_is_neither_an_address_nor_a_name_is_no_recipient() {
        for text in
            ["|/bin/sh", "/var/mail/root", ":include:/etc/list", "\\root", "a b", "", "@localhost", "a@"]
        {
            assert_eq!(Recipient::read(text), None, "{text}");
        }
    }
}
