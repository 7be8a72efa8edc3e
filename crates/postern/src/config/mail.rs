//! The part of the configuration that mail flows by: `[[submission]]`, `[limits]` and `[queue]`.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mail::Address;
use mail::retry::Schedule;
use serde::Deserialize;

use super::{ConfigError, TlsFiles};
use crate::queue::limits::Limits;

/// One door for devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionListener {
    /// Address and port.
    pub listen: SocketAddr,
    /// Encryption.
    pub tls: ListenerTls,
    /// Certificate chain and key of its own; the console's where there are none.
    pub tls_files: Option<TlsFiles>,
    /// Proxies that name the client by PROXY protocol v2.
    pub proxy_protocol_from: Vec<IpAddr>,
}

/// The encryption of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListenerTls {
    /// In the clear until STARTTLS.
    #[default]
    Starttls,
    /// From the first octet.
    Implicit,
    /// None: on loopback only, unless `allow_plain` says otherwise.
    None,
}

impl ListenerTls {
    /// Its word in the configuration and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starttls => "starttls",
            Self::Implicit => "implicit",
            Self::None => "none",
        }
    }
}

/// What is too much, in all and for one mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailLimits {
    /// Octets of a message.
    pub message_octets: u64,
    /// Recipients of a message.
    pub recipients: usize,
    /// Connections of devices at the same time, in all.
    pub connections: usize,
    /// The same from one address.
    pub connections_per_address: usize,
    /// The same of one submitter.
    pub connections_per_submitter: usize,
    /// Deliveries at the same time, in all.
    pub deliveries: u32,
    /// What one mailbox may be asked.
    pub mailbox: Limits,
}

/// How patient the queue is and what it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueConfig {
    /// When a message is tried again, and when it is given up.
    pub schedule: Schedule,
    /// After how long a message that still waits is reported to whoever asked for that.
    pub report_delay_after: Duration,
    /// Who hears of messages that failed and have no sender to tell.
    pub report_to: Option<Address>,
    /// How long the content of messages that ended other than sent is kept.
    pub keep_content: Duration,
    /// How long the story of a message that ended is kept.
    pub keep_history: Duration,
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for MailLimits {
    fn default() -> Self {
        RawLimits::default().complete()
    }
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            schedule: Schedule::default(),
            report_delay_after: 4 * HOUR,
            report_to: None,
            keep_content: 30 * DAY,
            keep_history: 90 * DAY,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSubmission {
    listen: SocketAddr,
    #[serde(default)]
    tls: ListenerTls,
    #[serde(default)]
    allow_plain: bool,
    certificate_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    #[serde(default)]
    proxy_protocol_from: Vec<IpAddr>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawLimits {
    message_octets: Option<u64>,
    recipients: Option<usize>,
    connections: Option<usize>,
    connections_per_address: Option<usize>,
    connections_per_submitter: Option<usize>,
    deliveries: Option<u32>,
    graph_calls_per_mailbox: Option<u32>,
    graph_requests_per_10_minutes: Option<u32>,
    smtp_connections_per_mailbox: Option<u32>,
    smtp_messages_per_minute: Option<u32>,
    recipients_per_day: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawQueue {
    first_retry_seconds: Option<u64>,
    longest_retry_seconds: Option<u64>,
    give_up_after_hours: Option<u64>,
    report_delay_after_hours: Option<u64>,
    report_to: Option<Address>,
    keep_content_days: Option<u64>,
    keep_history_days: Option<u64>,
}

impl RawSubmission {
    pub(super) fn complete(self, data_dir: &Path) -> Result<SubmissionListener, ConfigError> {
        let listen = self.listen;
        let contradiction = |text: String| Err(ConfigError::Contradiction(text));
        if self.tls == ListenerTls::None && !listen.ip().is_loopback() && !self.allow_plain {
            return contradiction(format!(
                "[[submission]] {listen}: tls = \"none\" would send passwords and mail in the clear over the network; \
                 use starttls or implicit, listen on loopback, or say allow_plain = true"
            ));
        }
        let tls_files = match (self.certificate_file, self.key_file) {
            (Some(certificate), Some(key)) => {
                Some(TlsFiles { certificate: data_dir.join(certificate), key: data_dir.join(key) })
            }
            (None, None) => None,
            _ => {
                return contradiction(format!(
                    "[[submission]] {listen}: certificate_file and key_file go together: give both or neither"
                ));
            }
        };
        if self.tls == ListenerTls::None && tls_files.is_some() {
            return contradiction(format!(
                "[[submission]] {listen}: with tls = \"none\" there is no use for a certificate_file"
            ));
        }
        let proxy_protocol_from = self.proxy_protocol_from;
        Ok(SubmissionListener { listen, tls: self.tls, tls_files, proxy_protocol_from })
    }
}

impl RawLimits {
    /// The value of an environment variable `POSTERN_LIMITS__…`; whether there is such a key.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<bool, String> {
        match key {
            "message_octets" => self.message_octets = parsed(value)?,
            "recipients" => self.recipients = parsed(value)?,
            "connections" => self.connections = parsed(value)?,
            "connections_per_address" => self.connections_per_address = parsed(value)?,
            "connections_per_submitter" => self.connections_per_submitter = parsed(value)?,
            "deliveries" => self.deliveries = parsed(value)?,
            "graph_calls_per_mailbox" => self.graph_calls_per_mailbox = parsed(value)?,
            "graph_requests_per_10_minutes" => self.graph_requests_per_10_minutes = parsed(value)?,
            "smtp_connections_per_mailbox" => self.smtp_connections_per_mailbox = parsed(value)?,
            "smtp_messages_per_minute" => self.smtp_messages_per_minute = parsed(value)?,
            "recipients_per_day" => self.recipients_per_day = parsed(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn complete(&self) -> MailLimits {
        let usual = Limits::default();
        let mailbox = Limits {
            graph_calls: self.graph_calls_per_mailbox.unwrap_or(usual.graph_calls),
            graph_requests_per_10_minutes: self
                .graph_requests_per_10_minutes
                .unwrap_or(usual.graph_requests_per_10_minutes),
            smtp_connections: self.smtp_connections_per_mailbox.unwrap_or(usual.smtp_connections),
            smtp_messages_per_minute: self.smtp_messages_per_minute.unwrap_or(usual.smtp_messages_per_minute),
            recipients_per_day: self.recipients_per_day.unwrap_or(usual.recipients_per_day),
            ..usual
        };
        MailLimits {
            // What Exchange Online lets a mailbox send unless it was told otherwise (facts 6.7).
            message_octets: self.message_octets.unwrap_or(35 * 1024 * 1024),
            recipients: self.recipients.unwrap_or(500),
            connections: self.connections.unwrap_or(1000),
            connections_per_address: self.connections_per_address.unwrap_or(100),
            connections_per_submitter: self.connections_per_submitter.unwrap_or(100),
            deliveries: self.deliveries.unwrap_or(200),
            mailbox,
        }
    }

    /// A limit of nothing would stop all mail and say so nowhere.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let limits = self.complete();
        let given = [
            ("message_octets", limits.message_octets),
            ("recipients", limits.recipients as u64),
            ("connections", limits.connections as u64),
            ("connections_per_address", limits.connections_per_address as u64),
            ("connections_per_submitter", limits.connections_per_submitter as u64),
            ("deliveries", limits.deliveries.into()),
            ("graph_calls_per_mailbox", limits.mailbox.graph_calls.into()),
            ("graph_requests_per_10_minutes", limits.mailbox.graph_requests_per_10_minutes.into()),
            ("smtp_connections_per_mailbox", limits.mailbox.smtp_connections.into()),
            ("smtp_messages_per_minute", limits.mailbox.smtp_messages_per_minute.into()),
            ("recipients_per_day", limits.mailbox.recipients_per_day.into()),
        ];
        match given.iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => Err(ConfigError::Contradiction(format!("[limits] {key} must be 1 or more"))),
            None => Ok(()),
        }
    }
}

impl RawQueue {
    /// The value of an environment variable `POSTERN_QUEUE__…`; whether there is such a key.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<bool, String> {
        match key {
            "first_retry_seconds" => self.first_retry_seconds = parsed(value)?,
            "longest_retry_seconds" => self.longest_retry_seconds = parsed(value)?,
            "give_up_after_hours" => self.give_up_after_hours = parsed(value)?,
            "report_delay_after_hours" => self.report_delay_after_hours = parsed(value)?,
            "report_to" => self.report_to = parsed(value)?,
            "keep_content_days" => self.keep_content_days = parsed(value)?,
            "keep_history_days" => self.keep_history_days = parsed(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn complete(self) -> Result<QueueConfig, ConfigError> {
        let usual = QueueConfig::default();
        let given = |value: Option<u64>, unit: Duration, usual: Duration| {
            value.map_or(usual, |value| unit.saturating_mul(u32::try_from(value).unwrap_or(u32::MAX)))
        };
        let second = Duration::from_secs(1);
        let schedule = Schedule {
            first: given(self.first_retry_seconds, second, usual.schedule.first),
            longest: given(self.longest_retry_seconds, second, usual.schedule.longest),
            give_up_after: given(self.give_up_after_hours, HOUR, usual.schedule.give_up_after),
        };
        let contradiction = |text: &str| Err(ConfigError::Contradiction(text.to_owned()));
        if schedule.first.is_zero() {
            return contradiction("[queue] first_retry_seconds must be 1 or more");
        }
        if schedule.longest < schedule.first {
            return contradiction("[queue] longest_retry_seconds must not be below first_retry_seconds");
        }
        if schedule.give_up_after.is_zero() || schedule.give_up_after > 365 * DAY {
            return contradiction("[queue] give_up_after_hours must be between 1 and 8760");
        }
        Ok(QueueConfig {
            schedule,
            report_delay_after: given(self.report_delay_after_hours, HOUR, usual.report_delay_after),
            report_to: self.report_to,
            keep_content: given(self.keep_content_days, DAY, usual.keep_content),
            keep_history: given(self.keep_history_days, DAY, usual.keep_history),
        })
    }
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(value: &str) -> Result<Option<T>, String> {
    value.parse().map(Some).map_err(|error: T::Err| error.to_string())
}
