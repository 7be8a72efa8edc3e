//! Which command lines are understood, and which are wrong usage (exit code 2).

use clap::Parser;

use super::{Cli, words};

const GOOD: &str = "
certificate import --name n --file f
certificate import --name n --file f --password-stdin --description d --exportable --thumbprint AB
certificate import --name n --file f --password-file p
certificate generate --name n
certificate generate --name n --key-size 4096 --days 730 --subject 'CN=a, O=b' --exportable --output f.cer
certificate generate --name n --key-size 3072 --days 1
certificate list
certificate list --json
--json certificate list
certificate --json list
--data-dir /d certificate list
certificate list --data-dir /d
certificate show n
certificate show n --url https://gate.example --token-file t --ca-file c
certificate edit n --name m
certificate edit n --description ''
certificate edit n --name m --description d
certificate replace n --file f --password-stdin
certificate delete n
certificate delete n --yes
certificate export n --format cer --output f
certificate export n --format pem --output -
certificate export n --format pfx --output f --password-file p
cert ls
account add --name n --tenant t --client c --certificate x --from a@b.c
account add --name n --tenant t --client c --secret-stdin --from a@b.c --default
account add --tenant t --client c --secret-file s --secret-expires 2027-11-21 --sign-in application --transport smtp --cloud lab
account add --tenant t --client c
account list
account show n
account edit n --transport graph
account edit n --secret-stdin
account remove n
account remove n --yes
account check n
account authorize n
account authorize n --redirect https://localhost:4443/authorize --yes
account authorize n --device-code
account authorize n --no-wait --json
account authorize n --paste
account confirm n
test-email --to a@b.c
test-email --to a@b.c --account n --json
send --to a@b.c --subject s
send --to 'Ann <a@b.c>' --to d@e.f --cc c@d.e --bcc f@g.h --from m@b.c --reply-to r@b.c --subject s --text t
send --bcc a@b.c --subject s --text-file - --html-file h --attach f --attach g --header 'X-Job: 17' --account n
send --to a@b.c --subject s --idempotency-key job-17 --json
queue list
queue ls --state deferred --state held --account n --submitter s --search text --since 7d --until 2026-11-21 --limit 10
queue status
queue show 1
queue retry 1 2
queue retry --all --state failed
queue cancel 1
queue hold 1
queue release --all
submitter add --name n
submitter create --name n --user u --password-stdin --sender *@b.c --foreign-from rewrite --account a --rate 30
submitter add --name n --network 192.0.2.0/24 --network ::1 --uid 0 --uid 1000 --token --description d
submitter list --json
submitter show n
submitter edit n --name m --disable
submitter edit n --enable --clear senders --clear account
submitter remove n --yes
submitter reset-password n
submitter reset-password n --password-file p
submitter reset-token n
sendmail -t -i
sendmail -bs
sendmail -oi -f a@b.c -- d@e.f
explain AADSTS700027
explain 535 5.7.3 --json
explain --stdin --account n
token create --name n --role operator
token add --name n --role viewer --expires 365d
token create --name n --role administrator --expires 2027-01-01 --output f
token list
token delete n
token revoke n --yes
user add --name n --role administrator
user create --name n --role viewer --password-stdin
user add --name n --role operator --password-file p
user list
user remove n
user delete n --yes
user role n operator
user reset-password n
user reset-password n --remove-totp --password-stdin
user setup-link --json
audit list
audit list --actor a --action certificate.import --target t --since 7d --until 2026-11-21T10:00:00Z --limit 10
completions bash
openapi
serve
serve --config postern.toml --data-dir /d
serve --data-dir /d --listen 127.0.0.1:0
demo
demo --tour --data-dir /d
demo --json --port 0
demo --tour --stay
demo --tour --json
";

const BAD: &str = "
certificate
certificate import
certificate import --name n
certificate import --file f
certificate import --name n --file f --password-stdin --password-file p
certificate import --name n --file f --password secret
certificate generate
certificate generate --name n --days 0
certificate generate --name n --days 731
certificate generate --name n --days many
certificate generate --name n --key-size 1024
certificate show
certificate show ''
certificate edit n
certificate replace n
certificate delete
certificate export n --format cer
certificate export n --output f
certificate export n --format der --output f
certificate frobnicate
account add
account add --tenant t
account add --client c
account add --tenant t --client c --certificate x --secret-stdin
account add --tenant t --client c --certificate x --secret-expires 2027-01-01
account add --tenant t --client c --secret-stdin --secret-file f
account add --tenant t --client c --secret abc
account add --tenant t --client c --secret-stdin --secret-expires soon
account add --tenant t --client c --certificate x --sign-in both
account add --tenant t --client c --certificate x --transport imap
account show
account authorize n --no-wait --yes
account authorize n --device-code --redirect https://localhost/authorize
account authorize n --device-code --paste
account confirm
test-email
test-email --account n
send
send --to a@b.c
send --subject s
send --to a@b.c --subject s --text t --text-file f
send --to a@b.c --subject s --header nothing
send --to a@b.c --subject s --idempotency-key ''
queue
queue list --state lost
queue list --limit 0
queue status 1
queue show
queue retry
queue retry --all 1
submitter add
submitter add --name n --uid root
submitter add --name n --rate 0
submitter add --name n --foreign-from ignore
submitter edit
submitter edit n --enable --disable
submitter edit n --clear name
submitter reset-password
token create --name n
token create --role viewer
token create --name n --role root
token create --name n --role viewer --expires 0d
token create --name n --role viewer --expires never
token delete
user add
user add --name n
user add --name n --role root
user add --name n --role viewer --password secret
user add --name n --role viewer --password-stdin --password-file p
user remove
user role n
user role n root
user reset-password
audit
audit list --limit 0
audit list --since yesterday
completions
completions cobol
certificate list --url ://
certificate list --data-dir
serve --listen 4443
demo --stay
demo --port 70000
send --to a@b.c
";

fn lines(table: &str) -> impl Iterator<Item = &str> {
    table.lines().filter(|line| !line.is_empty())
}

#[test]
fn the_command_lines_of_the_contract_are_understood() {
    for line in lines(GOOD) {
        if let Err(error) = Cli::try_parse_from(words(line)) {
            panic!("postern {line}\n{error}");
        }
    }
}

#[test]
fn wrong_usage_is_refused_with_exit_code_two() {
    for line in lines(BAD) {
        let Err(error) = Cli::try_parse_from(words(line)) else {
            panic!("postern {line} is understood");
        };
        assert_eq!(error.exit_code(), 2, "postern {line}");
    }
}

#[test]
fn a_global_option_means_the_same_before_and_after_the_verb() {
    for line in [
        "--json --data-dir /d certificate list",
        "certificate --json list --data-dir /d",
        "certificate list --data-dir /d --json",
    ] {
        let globals = Cli::try_parse_from(words(line)).unwrap().globals;
        assert!(globals.json, "{line}");
        assert_eq!(globals.data_dir.as_deref(), Some("/d".as_ref()), "{line}");
    }
}
