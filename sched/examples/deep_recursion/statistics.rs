//! Order statistics of a handful of figures. Zero if there are none.

/// The middle one; of an even number, the lower of the two.
pub fn median(figures: &[u64]) -> u64 {
    percentile(figures, 50)
}

/// The smallest figure that at least `percent` percent do not exceed.
pub fn percentile(figures: &[u64], percent: usize) -> u64 {
    let mut sorted = figures.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// The largest.
pub fn max(figures: &[u64]) -> u64 {
    figures.iter().copied().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks() {
        let figures = [5, 1, 4, 2, 3];
        assert_eq!((median(&figures), percentile(&figures, 99), max(&figures)), (3, 5, 5));
        assert_eq!(median(&[7, 9]), 7);
        assert_eq!((median(&[]), max(&[])), (0, 0));
    }
}
