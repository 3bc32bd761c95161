//! Byte strings laid end to end, the shape in which events and commands cross every boundary.

/// Byte strings laid end to end: item `i` is `data[ends[i - 1]..ends[i]]`, and item 0 starts at 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Column {
    /// All items, one after the other.
    pub data: Vec<u8>,
    /// Where each item ends; ascending, the last equals `data.len()`.
    pub ends: Vec<u32>,
}

/// Why columns cannot be what they claim to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnError {
    /// An end lies before the one that precedes it.
    #[error("end {index} lies before the end of the item that precedes it")]
    Unsorted {
        /// Which end.
        index: usize,
    },
    /// The last end is not the length of the data.
    #[error("the last item ends at {end}, the data at {length}")]
    Length {
        /// The last end, or 0.
        end: u32,
        /// The length of the data.
        length: usize,
    },
    /// Columns that must have one entry each per item differ in length.
    #[error("{left} entries beside {right}")]
    Count {
        /// Entries of the first column.
        left: usize,
        /// Entries of the second column.
        right: usize,
    },
}

impl Column {
    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds an item. The caller bounds the total below 4 GiB.
    pub fn push(&mut self, item: &[u8]) {
        self.data.extend_from_slice(item);
        self.ends.push(u32::try_from(self.data.len()).unwrap_or(u32::MAX));
    }

    /// Item `index`, or `None` past the end (or if the ends are unsound).
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = usize::try_from(*self.ends.get(index)?).ok()?;
        let start = match index.checked_sub(1) {
            Some(before) => usize::try_from(*self.ends.get(before)?).ok()?,
            None => 0,
        };
        self.data.get(start..end)
    }

    /// All items in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Checks that the ends ascend and cover the data exactly.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), ColumnError> {
        if let Some(index) = self.ends.windows(2).position(|pair| matches!(pair, [a, b] if b < a)) {
            return Err(ColumnError::Unsorted { index: index.saturating_add(1) });
        }
        let end = self.ends.last().copied().unwrap_or(0);
        if usize::try_from(end) != Ok(self.data.len()) {
            return Err(ColumnError::Length { end, length: self.data.len() });
        }
        Ok(())
    }
}

/// Events in journal order; `types[i]` is an index into the manifest of the revision that wrote them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventColumns {
    /// One type index per event.
    pub types: Vec<u16>,
    /// One payload per event.
    pub payloads: Column,
}

impl EventColumns {
    /// The one event of a turn that stores only what belongs to the host: type [`super::Frame::HOST_EVENT`], no payload.
    #[must_use]
    pub fn host_event() -> Self {
        let mut payloads = Column::default();
        payloads.push(&[]);
        Self { types: vec![super::Frame::HOST_EVENT], payloads }
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there is no event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// Checks that both columns agree and are sound.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), ColumnError> {
        if self.types.len() != self.payloads.len() {
            return Err(ColumnError::Count { left: self.types.len(), right: self.payloads.len() });
        }
        self.payloads.check()
    }
}
