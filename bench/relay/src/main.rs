//! The load and the yardstick of `bench/relay/run`: sends mail by SMTP as devices do and says how long each acceptance
//! took (`load`), and measures what the file system can make durable (`append`). It knows nothing of the project: the
//! servers are measured from outside.
//!
//! ```text
//! bench-relay load to=127.0.0.1:587 sessions=50 messages=20000 keep=yes user=U password=P domain=D senders=200
//!                  recipient=R octets=10240 [rate=100] [log=FILE]
//! bench-relay append folder=DIR writers=50 messages=20000 octets=10240
//! ```

mod append;
mod load;
mod settings;

use anyhow::bail;

use settings::Settings;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let settings = Settings::read(arguments)?;
    let result = match what.as_str() {
        "load" => load::run(&settings)?,
        "append" => append::run(&settings)?,
        _ => bail!("say load or append"),
    };
    println!("{result}");
    Ok(())
}
