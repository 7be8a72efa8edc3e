//! `postern demo`: Postern and a simulated tenant in one process, and the tour through the main job.

use serde_json::json;

use super::context::Verdict;
use super::failure::Failure;
use super::globals::Globals;
use super::screen::{Look, Mark, Paint, Screen, clean, json_line};
use super::spinner::Spinner;
use super::table::draw_facts;
use super::{logging, signals};
use crate::demo::mailbox::Arrived;
use crate::demo::tour::{Outcome, Step, Tour};
use crate::demo::{Demo, DemoOptions};

/// Mark, text and time of a step of the tour.
const TEXT_WIDTH: usize = 46;

/// Try Postern with a simulated Microsoft 365 tenant, everything on this machine
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postern demo                # stays up; prints the addresses
  postern demo --tour         # walks through the main job, every way there is
  postern demo --tour --stay  # the same, and then stays up on a terminal
  postern demo --json | head -1 | jq .console

Without --data-dir the data is in a temporary directory and gone at the end.")]
pub(crate) struct DemoCommand {
    /// Walk through the main job without a person and compare what arrives with what was sent
    #[arg(long)]
    tour: bool,
    /// After the tour stay up, on a terminal
    #[arg(long, requires = "tour")]
    stay: bool,
    /// Port of the console; 0 is a free one
    #[arg(long, default_value_t = crate::config::DEFAULT_CONSOLE_PORT)]
    port: u16,
}

pub(crate) async fn run(
    command: &DemoCommand,
    globals: &Globals,
    screen: &mut Screen,
) -> Result<Verdict, Failure> {
    logging::start("warn");
    let mut stop = signals::Stop::listen()?;
    let options = DemoOptions { port: command.port, data_dir: globals.data_dir.clone() };
    let demo = Demo::start(options).await.map_err(|error| not_started(&error, command.port))?;
    let verdict = tokio::select! {
        verdict = show(command, globals.json, &demo, screen) => verdict,
        () = stop.requested() => Err(Failure::new("cancelled", "the tour was stopped")),
    };
    let stays = !command.tour || (command.stay && screen.out_look.width.is_some());
    if stays && verdict == Ok(Verdict::Done) {
        stop.requested().await;
    }
    demo.stop().await;
    verdict
}

/// The demo has no configuration to change, so a port that is taken is told in its own words.
fn not_started(error: &anyhow::Error, port: u16) -> Failure {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    if causes.any(|cause| cause.kind() == std::io::ErrorKind::AddrInUse) {
        let message = format!("another program listens on port {port} already");
        return Failure::new("not_started", message)
            .hint("take another port: --port N, or --port 0 for a free one");
    }
    Failure::of_start(error)
}

async fn show(
    command: &DemoCommand,
    json: bool,
    demo: &Demo,
    screen: &mut Screen,
) -> Result<Verdict, Failure> {
    if !command.tour {
        announce(demo, json, screen);
        return Ok(Verdict::Done);
    }
    let outcome = walk(demo, json, screen).await?;
    if outcome == Outcome::Complete && command.stay && screen.out_look.width.is_some() {
        announce(demo, json, screen);
    }
    Ok(match outcome {
        Outcome::Complete => Verdict::Done,
        Outcome::Failed => Verdict::NotOk,
    })
}

fn announce(demo: &Demo, json: bool, screen: &mut Screen) {
    let facts = demo.facts();
    if json {
        screen.out(&format!("{}\n", json_line(&json!(facts))));
        return;
    }
    let user = &facts.users[0];
    let told = draw_facts(
        &[
            ("Console", Some(facts.console.clone())),
            ("User", Some(facts.user.clone())),
            ("Password", Some(facts.password.clone())),
            ("API", Some(format!("{}/api/docs", facts.console))),
            ("Data directory", Some(facts.data_dir.clone())),
            ("Tenant's switches", Some(facts.control.clone())),
            ("Cloud", Some(facts.cloud.clone())),
            ("Tenant ID", Some(facts.tenant_id.clone())),
            ("Client ID", Some(facts.client_id.clone())),
            ("Client secret", Some(facts.client_secret.clone())),
            ("Sign in as", Some(user.upn.clone())),
            ("with password", Some(user.password.clone())),
        ],
        screen.out_look,
    );
    let door = &facts.submission;
    let device = draw_facts(
        &[
            ("SMTP server", Some(format!("{}, port {}, STARTTLS", door.host, door.port))),
            ("User name", Some(door.user.clone())),
            ("Password", Some(door.password.clone())),
        ],
        screen.out_look,
    );
    screen.out(&format!(
        "\nPostern and a SIMULATED tenant are up.\n{told}\nWhat a device needs, once there is an account to send through:\n\
         {device}\nIn another terminal: export POSTERN_DATA_DIR={}\nCtrl-C ends both.\n",
        facts.data_dir
    ));
}

/// Walks the tour and shows each step as it ends.
async fn walk(demo: &Demo, json: bool, screen: &mut Screen) -> Result<Outcome, Failure> {
    let mut tour = Tour::new(demo)?;
    let mut heading = String::new();
    while let Some(title) = tour.next_title() {
        let spinner = Spinner::start(screen.err_look, &title);
        let step = tour.walk_on().await;
        drop(spinner);
        if json {
            screen.out(&format!("{}\n", json_line(&json!(step))));
        } else {
            show_step(&step, &mut heading, screen);
        }
        if !step.ok {
            return Ok(Outcome::Failed);
        }
    }
    if !json {
        let (owner, arrived) = tour.mailbox().await?;
        screen.out(&render_mailbox(owner, &arrived, screen.out_look));
        let mark = screen.out_look.mark(Mark::Done);
        screen.out(&format!("\n{mark} Every way works, and what arrived is what was sent.\n"));
    }
    Ok(Outcome::Complete)
}

/// The simulated mailbox, a line for each message.
fn render_mailbox(owner: &str, arrived: &[Arrived], look: Look) -> String {
    let heading = look.paint(Paint::Bold, &format!("The simulated mailbox of {owner}"));
    let lines = arrived.iter().map(|Arrived { via, from, subject, message_id }| {
        let line = clean(&format!("{via:10}  {from}  {subject}"));
        format!("  {line}\n      {}\n", look.paint(Paint::Dim, &clean(&format!("<{message_id}>"))))
    });
    format!("\n{heading}\n{}", lines.collect::<String>())
}

fn show_step(step: &Step, heading: &mut String, screen: &mut Screen) {
    let look = screen.out_look;
    if step.heading() != *heading {
        *heading = step.heading();
        screen.out(&format!("\n{}\n", look.paint(Paint::Bold, heading)));
    }
    screen.out(&render_step(step, look));
}

fn render_step(step: &Step, look: Look) -> String {
    let mark = look.mark(if step.ok { Mark::Done } else { Mark::Failed });
    let title = &step.title;
    let mut told = format!("  {mark} {title:TEXT_WIDTH$}  {:>5} ms\n", step.took_ms);
    for (label, said) in [("", &step.detail), ("cause: ", &step.cause), ("fix: ", &step.fix)] {
        if let Some(said) = said {
            let said = look.wrap(&format!("{label}{}", clean(said)), 6);
            told.push_str(&format!("      {}\n", look.paint(Paint::Dim, &said)));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_is_told_with_the_option_that_helps() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let Err(error) = Demo::start(DemoOptions { port, data_dir: None }).await else {
            panic!("it started on a port that is taken");
        };
        let failure = not_started(&error, port);
        assert_eq!(failure.code, "not_started");
        assert!(failure.message.contains(&port.to_string()), "{failure}");
        assert!(failure.hint.unwrap().contains("--port"));
    }
}
