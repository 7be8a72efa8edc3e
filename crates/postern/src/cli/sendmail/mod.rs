//! `sendmail`, as programs have called it for forty years: by that name, or as `postern sendmail`. It hands the message to
//! `submit.sock` in the data directory, where the kernel says who asks. Exit codes are those of sysexits.h; when the
//! server is down that is EX_TEMPFAIL, so that whoever called tries again.

mod aliases;
mod arguments;
mod content;
mod conversation;

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::globals::DEFAULT_DATA_DIR;
use crate::submit_socket::SUBMIT_SOCKET;
use arguments::{Arguments, Mode};
use content::Letter;

/// Hand a message over as sendmail does
///
/// Also when this program is called by the name sendmail, through a symbolic link.
#[derive(Debug, clap::Args)]
#[command(
    disable_help_flag = true,
    after_help = "Examples:
  ln -s /usr/bin/postern /usr/sbin/sendmail
  printf 'To: ann@contoso.com\\nSubject: hello\\n\\nhi\\n' | sendmail -t
  postern sendmail -i -f backup@contoso.com ann@contoso.com < message
  postern sendmail -bs

Mail to a name of this machine, such as root, goes to who reads it by /etc/aliases (root: it@contoso.com).

Options: -t -i -oi -f ADDRESS -F NAME -bm -bs -oA FILE -N WHEN -R WHAT -V ID; others of sendmail are accepted and ignored where
they do no harm. Exit status as in sysexits.h: 0 done, 64 usage, 65 the message, 67 a recipient, 69 refused,
75 try again, 77 not allowed."
)]
pub(crate) struct Sendmail {
    /// Options and recipients, as sendmail takes them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

/// How it ended, in the numbers of sysexits.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// EX_USAGE: the command line is wrong.
    Usage = 64,
    /// EX_DATAERR: the message is.
    Data = 65,
    /// EX_NOUSER: a recipient was refused.
    NoUser = 67,
    /// EX_UNAVAILABLE: refused for good.
    Unavailable = 69,
    /// EX_IOERR: standard input or output failed.
    Input = 74,
    /// EX_TEMPFAIL: try again.
    TemporaryFailure = 75,
    /// EX_NOPERM: this user or sender is not allowed.
    NoPermission = 77,
}

/// Why nothing was handed over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) status: Status,
    pub(crate) text: String,
}

impl Trouble {
    fn new(status: Status, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }
}

impl Sendmail {
    /// Runs to its exit code.
    pub(crate) fn run(&self, data_dir: Option<&Path>) -> u8 {
        run(&self.arguments, data_dir)
    }
}

/// Whether the program was called by this name.
pub(crate) fn is_called_so(program: Option<&OsString>) -> bool {
    program.is_some_and(|program| Path::new(program).file_name().is_some_and(|name| name == "sendmail"))
}

/// Runs with the arguments behind the program's name, to its exit code.
pub(crate) fn run(arguments: &[OsString], data_dir: Option<&Path>) -> u8 {
    match hand_over(arguments, data_dir) {
        Ok(()) => 0,
        Err(trouble) => {
            // Nobody can be told where standard error itself fails.
            let _ = writeln!(io::stderr(), "sendmail: {}", super::screen::clean(&trouble.text));
            trouble.status as u8
        }
    }
}

fn hand_over(arguments: &[OsString], data_dir: Option<&Path>) -> Result<(), Trouble> {
    let arguments = Arguments::parse(arguments)?;
    match arguments.mode {
        Mode::Deliver => {
            let mut input = Vec::new();
            io::stdin().lock().read_to_end(&mut input).map_err(|error| cannot_read(&error))?;
            let letter = Letter::read(&input, &arguments)?;
            conversation::hand_over(connect(data_dir)?, &letter)
        }
        Mode::Smtp => speak(connect(data_dir)?),
        Mode::Nothing => Ok(()),
    }
}

fn connect(data_dir: Option<&Path>) -> Result<UnixStream, Trouble> {
    let from_environment =
        || std::env::var_os("POSTERN_DATA_DIR").filter(|path| !path.is_empty()).map(PathBuf::from);
    let folder = data_dir.map(Path::to_owned).or_else(from_environment);
    let path = folder.unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR)).join(SUBMIT_SOCKET);
    UnixStream::connect(&path).map_err(|error| {
        let shown = path.display();
        match error.kind() {
            io::ErrorKind::PermissionDenied => Trouble::new(
                Status::NoPermission,
                format!(
                    "you aren't allowed to use {shown}; an administrator allows it: \
                     postern submitter add --name NAME --uid {}",
                    rustix::process::getuid().as_raw()
                ),
            ),
            _ => Trouble::new(
                Status::TemporaryFailure,
                format!(
                    "no Postern answers at {shown} ({error}); it will be tried again if your program does, \
                         or start it with `postern serve`"
                ),
            ),
        }
    })
}

/// Standard input and output are the client: SMTP, as the server speaks it to everybody.
fn speak(stream: UnixStream) -> Result<(), Trouble> {
    let broken =
        |error: io::Error| Trouble::new(Status::Input, format!("the conversation broke off: {error}"));
    let mut to_server = stream.try_clone().map_err(broken)?;
    // The thread ends with the process: whoever feeds it may never close standard input.
    std::thread::spawn(move || {
        let copied = io::copy(&mut io::stdin().lock(), &mut to_server);
        // The server answers what has come and closes; a failure shows there.
        let _ = copied.and_then(|_| to_server.shutdown(Shutdown::Write));
    });
    let mut from_server = stream;
    let mut out = io::stdout().lock();
    let mut octets = [0_u8; 4096];
    loop {
        match from_server.read(&mut octets).map_err(broken)? {
            0 => return Ok(()),
            read => out.write_all(&octets[..read]).and_then(|()| out.flush()).map_err(broken)?,
        }
    }
}

fn cannot_read(error: &io::Error) -> Trouble {
    Trouble::new(Status::Input, format!("can't read the message from standard input: {error}"))
}
