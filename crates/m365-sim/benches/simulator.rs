//! The simulator as a program: its size, and how many tokens a second it gives out, which must not be the bottleneck of
//! other measurements.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use m365_sim::{Sim, SimOptions, World};
use reqwest::{Certificate, Client};

const MEASURE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() {
    let octets = std::fs::metadata(env!("CARGO_BIN_EXE_m365-sim")).expect("it was built").len();
    println!("size of m365-sim: {:.1} MB", octets as f64 / 1e6);
    tokens_a_second().await;
}

/// Client credentials with a secret, by eight clients at once.
async fn tokens_a_second() {
    let world = World::demo(&["https://localhost:4443/authorize"]);
    let (client_id, secret) = (world.apps[0].client_id, world.apps[0].secrets[0].value.clone());
    let tenant = world.tenant.id;
    let sim = Sim::start(SimOptions { world, ..SimOptions::default() }).await.expect("the simulator starts");
    let ca = Certificate::from_pem(sim.ca_pem.as_bytes()).expect("its own authority");
    let client = Client::builder().no_proxy().tls_certs_only([ca]).build().expect("a client");
    let address = format!("{}/{tenant}/oauth2/v2.0/token", sim.https_url);
    let form = [
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", client_id.to_string()),
        ("client_secret", secret),
        ("scope", "https://graph.microsoft.com/.default".to_owned()),
    ];
    let given = Arc::new(AtomicU32::new(0));
    let began = Instant::now();
    let asking: Vec<_> = (0..8)
        .map(|_| {
            let (client, address, form, given) =
                (client.clone(), address.clone(), form.clone(), Arc::clone(&given));
            tokio::spawn(async move {
                while began.elapsed() < MEASURE {
                    let answer = client.post(&address).form(&form).send().await.expect("an answer");
                    assert!(answer.status().is_success(), "{}", answer.status());
                    answer.bytes().await.expect("read to its end");
                    given.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for one in asking {
        one.await.expect("it ends");
    }
    let rate = f64::from(given.load(Ordering::Relaxed)) / began.elapsed().as_secs_f64();
    println!("tokens a second of the simulator, signed RS256, eight clients: {rate:.0}");
    sim.stop().await;
}
