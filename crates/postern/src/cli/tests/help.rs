//! What `--help` says: a contract with the user, on file.

use clap::{Command, CommandFactory};

use super::{Cli, assert_golden};

#[test]
fn every_command_explains_itself_with_an_example() {
    let mut told = String::new();
    let mut root = Cli::command().term_width(100);
    root.build();
    tell(&mut root, &mut told);
    assert_golden("help.txt", &told);
}

fn tell(command: &mut Command, told: &mut String) {
    let help = command.render_long_help().to_string();
    let name = command.get_bin_name().unwrap_or("postern").to_owned();
    let is_noun = command.has_subcommands();
    assert!(is_noun || help.contains("Examples:"), "{name} has no example");
    told.push_str(&format!("===== {name} --help\n{help}\n"));
    for subcommand in command.get_subcommands_mut() {
        tell(subcommand, told);
    }
}
