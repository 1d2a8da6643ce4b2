//! Where the windows of a long document end if they are to end with a sentence or a line.
//!
//! White space between two of them goes with the second, as it does in `Ġword` and `▁word`: a cut may stand before the
//! first token that starts at or behind the last visible character of a sentence or line.

use std::iter;

use unicode_segmentation::UnicodeSegmentation;

use crate::tokenize::Windows;

/// A piece of a text, in bytes, and the number of its first token.
///
/// Where a cut falls within no piece, it need not be known where tokens start: those of a piece start in it, or in the
/// white space before it.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) token: usize,
}

/// Where the visible text of each sentence (UAX #29, a line end ends one too) or line ends, in bytes.
pub(crate) fn unit_ends(windows: Windows, text: &str) -> Box<dyn Iterator<Item = usize> + '_> {
    let visible = |(start, unit): (usize, &str)| {
        let visible = unit.trim_end();
        (!visible.is_empty()).then_some(start + visible.len())
    };
    match windows {
        Windows::Tokens => Box::new(iter::empty()),
        Windows::Sentences => Box::new(text.split_sentence_bound_indices().filter_map(visible)),
        Windows::Lines => {
            let mut start = 0;
            let lines = text.split_inclusive('\n').map(move |line| {
                start += line.len();
                (start - line.len(), line)
            });
            Box::new(lines.filter_map(visible))
        }
    }
}

/// Numbers of the tokens before which a cut may stand: the first that starts at or behind each of `ends`. `starts` says
/// where the tokens of a place start in the text; it is asked only for places that have an end inside.
pub(crate) fn cuts<E>(
    ends: impl Iterator<Item = usize>,
    places: &[Place],
    mut starts: impl FnMut(&Place) -> Result<Vec<usize>, E>,
) -> Result<Vec<usize>, E> {
    let (mut cuts, mut number) = (Vec::new(), 0);
    // Starts of the tokens of the place that was looked into, and how many of them are passed.
    let mut inside: Option<(Vec<usize>, usize)> = None;
    for end in ends {
        while places.get(number).is_some_and(|place| place.end <= end) {
            number += 1;
            inside = None;
        }
        let Some(place) = places.get(number) else { break };
        let mut cut = place.token;
        if place.start < end {
            let (starts, passed) = match &mut inside {
                Some(inside) => inside,
                none => none.insert((starts(place)?, 0)),
            };
            *passed += starts[*passed..].iter().take_while(|&&start| start < end).count();
            cut += *passed;
        }
        cuts.push(cut);
    }
    Ok(cuts)
}

/// Where windows of at most `window` tokens end: before the last token at which a cut may stand, or where the window is
/// full if there is none. `cuts` are in order.
pub(crate) fn window_ends(tokens: usize, window: usize, cuts: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let (mut ends, mut start, mut last) = (Vec::new(), 0, 0);
    for cut in cuts.into_iter().chain(iter::once(tokens)) {
        while cut - start > window {
            start = if last > start { last } else { start + window };
            ends.push(start);
        }
        last = cut;
    }
    if tokens > start {
        ends.push(tokens);
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_belongs_to_what_follows() {
        let ends = |windows, text| unit_ends(windows, text).collect::<Vec<_>>();
        let text = " One. Two?\tThree\r\n\n\n four.5 is! 六。七！\u{3000}";
        let visible = |at: &[usize]| at.iter().map(|&at| text[..at].chars().next_back().unwrap()).collect::<String>();
        assert_eq!(visible(&ends(Windows::Sentences, text)), ".?e!。！");
        assert_eq!(visible(&ends(Windows::Lines, text)), "e！");
        assert!(ends(Windows::Tokens, text).is_empty());
        assert!(ends(Windows::Sentences, " \n ").is_empty());
    }

    #[test]
    fn windows_end_as_late_as_they_may() {
        let ends = |tokens, cuts: &[usize]| window_ends(tokens, 5, cuts.iter().copied());
        assert!(ends(0, &[]).is_empty());
        assert_eq!(ends(5, &[2]), [5]);
        assert_eq!(ends(6, &[2, 4, 4, 6]), [4, 6]);
        assert_eq!(ends(12, &[5, 10, 11]), [5, 10, 12]);
        // What is longer than a window is cut where that is full.
        assert_eq!(ends(18, &[2, 16]), [2, 7, 12, 16, 18]);
        assert_eq!(ends(11, &[]), [5, 10, 11]);
    }

    #[test]
    fn places_are_looked_into_only_where_an_end_lies_inside() {
        let places =
            [(0, 3, 0), (4, 4, 2), (4, 9, 2), (10, 12, 6)].map(|(start, end, token)| Place { start, end, token });
        let mut asked = Vec::new();
        let found = cuts([3, 4, 6, 8, 9, 12].into_iter(), &places, |place| {
            asked.push(place.start);
            Ok::<_, ()>(vec![4, 5, 7, 8])
        });
        assert_eq!(found, Ok(vec![2, 2, 4, 5, 6]));
        assert_eq!(asked, [4]);
    }
}
