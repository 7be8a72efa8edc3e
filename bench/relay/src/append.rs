//! The limit that the file system sets: writers that each append a message to one file and wait until it is on disk. Who
//! waits at that moment shares one fdatasync.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use anyhow::Context;
use serde_json::{Value, json};

use crate::settings::Settings;

struct Entry {
    content: Vec<u8>,
    done: Sender<()>,
}

pub(crate) fn run(settings: &Settings) -> anyhow::Result<Value> {
    let (writers, messages): (usize, usize) = (settings.number("writers")?, settings.number("messages")?);
    let octets = settings.number("octets")?;
    let path = Path::new(settings.text("folder")?).join("append.bin");
    let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    let (sender, receiver) = channel::<Entry>();
    let syncer = std::thread::spawn(move || sync(file, &receiver));
    let begun = Instant::now();
    let all: Vec<_> = (0..writers)
        .map(|_| {
            let sender = sender.clone();
            std::thread::spawn(move || write(&sender, messages / writers, octets))
        })
        .collect();
    drop(sender);
    for writer in all {
        writer.join().map_err(|_| anyhow::anyhow!("a writer panicked"))?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    syncer.join().map_err(|_| anyhow::anyhow!("the syncer panicked"))??;
    std::fs::remove_file(&path)?;
    let written = messages / writers * writers;
    Ok(json!({"accepted": written, "seconds": seconds}))
}

fn write(sender: &Sender<Entry>, count: usize, octets: usize) {
    let (done, answer) = channel();
    for _ in 0..count {
        let entry = Entry { content: vec![b'x'; octets], done: done.clone() };
        if sender.send(entry).is_err() || answer.recv().is_err() {
            return;
        }
    }
}

fn sync(mut file: File, entries: &Receiver<Entry>) -> anyhow::Result<()> {
    while let Ok(first) = entries.recv() {
        let mut group = vec![first];
        group.extend(entries.try_iter().take(127));
        let together: Vec<u8> = group.iter().flat_map(|entry| &entry.content).copied().collect();
        file.write_all(&together)?;
        file.sync_data()?;
        for entry in group {
            // A writer that has gone away needs no answer.
            let _ = entry.done.send(());
        }
    }
    Ok(())
}
