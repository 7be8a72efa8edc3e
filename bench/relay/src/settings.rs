//! `name=value` arguments.

use std::collections::HashMap;
use std::str::FromStr;

use anyhow::{Context, anyhow};

/// What was given on the command line.
pub(crate) struct Settings(HashMap<String, String>);

impl Settings {
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> anyhow::Result<Settings> {
        let pair = |argument: String| {
            let (name, value) = argument.split_once('=').with_context(|| format!("{argument} has no ="))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        arguments.map(pair).collect::<anyhow::Result<_>>().map(Settings)
    }

    pub(crate) fn text(&self, name: &str) -> anyhow::Result<&str> {
        self.optional(name).with_context(|| format!("{name}= is missing"))
    }

    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn number<T: FromStr>(&self, name: &str) -> anyhow::Result<T> {
        let text = self.text(name)?;
        text.parse().map_err(|_| anyhow!("{name}={text} is not a number"))
    }
}
