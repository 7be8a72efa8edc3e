//! The program `m365-sim`: one simulated Microsoft 365 tenant on loopback, until it is told to stop.

use anyhow::{Context, Result};
use clap::Parser;
use m365_sim::{Sim, SimOptions, World};
use std::net::SocketAddr;
use std::path::PathBuf;
use uuid::Uuid;

/// SIMULATED Microsoft 365: Entra ID, Microsoft Graph and Exchange Online SMTP AUTH on loopback.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    /// HTTPS for Entra and Graph.
    #[arg(long, default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// SMTP AUTH with STARTTLS.
    #[arg(long, default_value = "127.0.0.1:2587")]
    smtp: SocketAddr,
    /// Control port: plain HTTP, JSON, and a page at /.
    #[arg(long, default_value = "127.0.0.1:8480")]
    control: SocketAddr,
    /// Write the certificate authority to trust to this file (PEM).
    #[arg(long, value_name = "FILE")]
    ca_out: Option<PathBuf>,
    /// Tenant (directory) id; a new one at each start otherwise.
    #[arg(long, value_name = "GUID")]
    tenant: Option<Uuid>,
    /// Verified domain of the tenant [default: contoso.example, or that of --world]
    #[arg(long)]
    domain: Option<String>,
    /// The tenant's set-up as JSON, in the form of GET /world; the demo tenant otherwise.
    #[arg(long, value_name = "FILE.json")]
    world: Option<PathBuf>,
    /// Count messages and don't keep them (the switch discard_messages).
    #[arg(long)]
    discard: bool,
}

const EXAMPLES: &str = "Examples:
  m365-sim --ca-out ca.pem
  m365-sim --listen 127.0.0.1:0 --smtp 127.0.0.1:0 --control 127.0.0.1:0 --world tenant.json
  curl http://127.0.0.1:8480/world
  curl -X PUT -d '{\"ca_block\":true}' http://127.0.0.1:8480/switches";

/// Redirect URIs of the demo tenant's application.
const REDIRECT_URIS: [&str; 2] = ["https://localhost:4443/authorize", "https://127.0.0.1:4443/authorize"];

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter()).init();
    let world = read_world(&arguments)?;
    let Arguments { listen, smtp, control, ca_out, .. } = arguments;
    let options = SimOptions { listen, smtp, control, world, ..SimOptions::default() };
    let sim = Sim::start(options).await?;
    if let Some(path) = ca_out {
        std::fs::write(&path, &sim.ca_pem).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let world = sim.world();
    println!("SIMULATED tenant {} ({})", world.tenant.domain, world.tenant.id);
    println!("Entra and Graph  {}", sim.https_url);
    println!("SMTP AUTH        {}", sim.smtp_addr);
    println!("control          {}", sim.control_url);
    wait_for_end().await?;
    sim.stop().await;
    Ok(())
}

fn filter() -> tracing_subscriber::EnvFilter {
    tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info,hyper=warn,h2=warn".into())
}

fn read_world(arguments: &Arguments) -> Result<World> {
    let mut world = match &arguments.world {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            World::from_json(&text).with_context(|| format!("{} is no world", path.display()))?
        }
        None => World::demo_in(arguments.domain.as_deref().unwrap_or("contoso.example"), &REDIRECT_URIS),
    };
    if let Some(domain) = &arguments.domain {
        let change = serde_json::json!({"tenant": {"domain": domain.to_ascii_lowercase()}});
        world = world.changed(&change).with_context(|| format!("--domain {domain}"))?;
    }
    world.switches.discard_messages |= arguments.discard;
    if let Some(id) = arguments.tenant {
        world.tenant.id = id;
    }
    Ok(world)
}

/// Ctrl-C, or SIGTERM from whoever started it.
async fn wait_for_end() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
