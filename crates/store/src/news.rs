//! What nodes tell each other beside the queue's rings: that something was changed. News are lost with the connection they
//! come by, and then [`News::Missed`] says so: they must never be needed for anything to be right, only for it to be quick.
//! On SQLite there is nobody to tell. Its neighbours are `engine::postgres`, which carries them, and the relay in `postern`.

use tokio::sync::broadcast;
use uuid::Uuid;

use crate::database::Store;
use crate::engine::{postgres, statement};
use crate::failure::StoreError;

/// What another node tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// One of its lines.
    Told(String),
    /// Some may have been missed: the connection was lost, or there were too many.
    Missed,
}

/// Hears what other nodes tell.
#[derive(Debug)]
pub struct Newsreel(broadcast::Receiver<News>);

impl Newsreel {
    /// Waits for the next; `None` when the store is closed.
    pub async fn next(&mut self) -> Option<News> {
        match self.0.recv().await {
            Ok(news) => Some(news),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(News::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// A payload is refused from 8000 octets on (<https://www.postgresql.org/docs/current/sql-notify.html>).
const MOST_OCTETS: usize = 7900;

impl Store {
    /// Hears from now on what other nodes tell.
    pub fn newsreel(&self) -> Newsreel {
        Newsreel(self.news().subscribe())
    }

    /// Tells other nodes these lines, which hold no line break. It is not written to disk and nobody waits for a flush.
    pub async fn tell(&self, lines: &[String]) -> Result<(), StoreError> {
        if !self.is_shared() {
            return Ok(());
        }
        for letter in letters(self.teller(), lines) {
            self.all(statement(postgres::TELL).bind(letter)).await?;
        }
        Ok(())
    }
}

/// The lines in as few payloads as hold them, each with who tells it on top.
fn letters(teller: Uuid, lines: &[String]) -> Vec<String> {
    let mut letters = Vec::new();
    let mut letter = teller.to_string();
    for line in lines.iter().filter(|line| line.len() < MOST_OCTETS / 2) {
        if letter.len() + 1 + line.len() > MOST_OCTETS {
            letters.push(std::mem::replace(&mut letter, teller.to_string()));
        }
        letter.push('\n');
        letter.push_str(line);
    }
    if letter.contains('\n') {
        letters.push(letter);
    }
    letters
}

/// What a payload tells; nothing where it is this node's own.
pub(crate) fn read_letter(own: Uuid, payload: &str) -> impl Iterator<Item = News> {
    let mut lines = payload.lines();
    let is_own = lines.next().is_some_and(|teller| teller == own.to_string());
    lines.filter(move |_| !is_own).map(|line| News::Told(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_lines_go_in_few_letters_and_ones_own_are_not_read() {
        let (own, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let lines: Vec<String> =
            (0..300).map(|n| format!("messages {n} changed {}", "x".repeat(40))).collect();
        let letters = letters(own, &lines);
        assert!(letters.len() == 3 && letters.iter().all(|letter| letter.len() < 8000), "{}", letters.len());
        let read: Vec<News> = letters.iter().flat_map(|letter| read_letter(other, letter)).collect();
        assert_eq!(read, lines.iter().cloned().map(News::Told).collect::<Vec<_>>());
        assert_eq!(letters.iter().flat_map(|letter| read_letter(own, letter)).count(), 0);
    }
}
