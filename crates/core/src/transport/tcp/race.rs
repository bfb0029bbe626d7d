//! Attempts at several addresses of one name, of which the first that succeeds counts (RFC 8305,
//! “happy eyeballs”). A family of addresses that leads nowhere costs a quarter of a second, not the
//! whole timeout.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long an attempt has before the next one starts beside it (RFC 8305 §8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Returns the addresses with both families in turn, in the system's order otherwise (RFC 8305 §4).
pub(super) fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return addresses;
    };
    let is_ipv6 = first.is_ipv6();
    let (mut first, mut second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|it| it.is_ipv6() == is_ipv6);
    // The last ones are taken first.
    first.reverse();
    second.reverse();
    let mut interleaved = Vec::with_capacity(first.len() + second.len());
    while !first.is_empty() || !second.is_empty() {
        interleaved.extend(first.pop());
        interleaved.extend(second.pop());
    }
    interleaved
}

/// Connects to the address that accepts first. The next attempt starts when the one before fails,
/// or after a quarter of a second.
pub(super) async fn race<T, F>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    if let [address] = addresses[..] {
        return connect(address).await;
    }
    let mut addresses = addresses.into_iter();
    // Dropping it ends the attempts that are not needed.
    let mut attempts = JoinSet::new();
    let mut starts = true;
    loop {
        if std::mem::take(&mut starts)
            && let Some(address) = addresses.next()
        {
            attempts.spawn(connect(address));
        }
        let more = addresses.len() > 0;
        tokio::select! {
            attempt = attempts.join_next() => match attempt {
                Some(Ok(Ok(connected))) => return Ok(connected),
                Some(Ok(Err(error))) => {
                    last = error;
                    starts = true;
                }
                Some(Err(error)) => {
                    last = io::Error::other(error);
                    starts = true;
                }
                None => return Err(last),
            },
            () = sleep(ATTEMPT_DELAY), if more => starts = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::time::Instant;

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        let parse = |ip: &&str| SocketAddr::new(ip.parse().unwrap(), 1883);
        texts.iter().map(parse).collect()
    }

    #[test]
    fn families_take_turns() {
        let given = addresses(&["::1", "::2", "::3", "1.1.1.1", "2.2.2.2"]);
        let expected = addresses(&["::1", "1.1.1.1", "::2", "2.2.2.2", "::3"]);
        assert_eq!(interleaved(given), expected);
        let given = addresses(&["1.1.1.1", "::1"]);
        assert_eq!(interleaved(given.clone()), given);
        assert!(interleaved(Vec::new()).is_empty());
    }

    /// Where each address leads: after so many milliseconds to a connection or an error. Returns
    /// the result, when it came, and when each attempt began.
    async fn case(ends: &[(u64, bool)]) -> (Result<usize, String>, u64, Vec<u64>) {
        let started = Instant::now();
        let begun = Arc::new(Mutex::new(Vec::new()));
        let all: Vec<_> = (0..ends.len())
            .map(|port| SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap())))
            .collect();
        let millis = move || u64::try_from(started.elapsed().as_millis()).unwrap();
        let connect = |address: SocketAddr| {
            let index = usize::from(address.port());
            let (after, connects) = ends[index];
            begun.lock().unwrap().push(millis());
            async move {
                sleep(Duration::from_millis(after)).await;
                let failed = || io::Error::other(format!("{index} failed"));
                connects.then_some(index).ok_or_else(failed)
            }
        };
        let result = race(all, connect).await.map_err(|error| error.to_string());
        let begun = begun.lock().unwrap().clone();
        (result, millis(), begun)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_holds_the_next_up_for_a_quarter_of_a_second() {
        let ends = [(100_000, true), (10, true), (0, true)];
        assert_eq!(case(&ends).await, (Ok(1), 260, vec![0, 250]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_starts_the_next_attempt_at_once() {
        let ends = [(5, false), (5, false), (5, true)];
        assert_eq!(case(&ends).await, (Ok(2), 15, vec![0, 5, 10]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_address_wins_if_the_others_fail() {
        let ends = [(400, true), (1_000, false)];
        assert_eq!(case(&ends).await, (Ok(0), 400, vec![0, 250]));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_error_is_reported_once_all_have_failed() {
        let ends = [(300, false), (100, false)];
        let (result, at, _) = case(&ends).await;
        assert_eq!((result, at), (Err("1 failed".to_owned()), 350));
        assert_eq!(
            case(&[]).await.0,
            Err("the host name has no address".to_owned())
        );
        assert_eq!(case(&[(1, false)]).await.0, Err("0 failed".to_owned()));
    }
}
