//! A drawing of dots: eight of them, two by four, are one character of a terminal.

/// Dots, and the curve of each character.
#[derive(Debug)]
pub(super) struct Canvas {
    columns: usize,
    rows: usize,
    cells: Vec<(u8, usize)>,
}

impl Canvas {
    /// Returns an empty one of so many characters.
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Self {
            columns,
            rows,
            cells: vec![(0, 0); columns * rows],
        }
    }

    /// Returns how many dots there are from left to right, and from top to bottom.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.columns * 2, self.rows * 4)
    }

    /// Sets a dot of a curve; the character has the colour of the last curve in it.
    pub(super) fn set(&mut self, x: usize, y: usize, curve: usize) {
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let (column, row) = (x / 2, y / 4);
        if column < self.columns && row < self.rows {
            let cell = &mut self.cells[row * self.columns + column];
            cell.0 |= BITS[y % 4][x % 2];
            cell.1 = curve;
        }
    }

    /// Sets the dots between two.
    pub(super) fn line(&mut self, from: (usize, usize), to: (usize, usize), curve: usize) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        let between = |from: usize, to: usize, step: usize| {
            if to >= from {
                from + ((to - from) * step + steps / 2) / steps
            } else {
                from - ((from - to) * step + steps / 2) / steps
            }
        };
        for step in 0..=steps {
            let (x, y) = (between(from.0, to.0, step), between(from.1, to.1, step));
            self.set(x, y, curve);
        }
    }

    /// Returns the characters of a row, each with its curve; none where there is no dot.
    pub(super) fn row(&self, row: usize) -> impl Iterator<Item = Option<(char, usize)>> {
        let cells = &self.cells[row * self.columns..(row + 1) * self.columns];
        cells.iter().map(|(dots, curve)| {
            let sign = char::from_u32(0x2800 + u32::from(*dots))?;
            (*dots > 0).then_some((sign, *curve))
        })
    }
}
