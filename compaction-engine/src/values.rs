//! Where the values of B come from.

/// The values of matrix B (K rows by N columns), read in 64-byte lines down a column.
///
/// B need not exist in memory: an implementation may compute a line from an activation tensor when it
/// is asked for. Implementations are pure: the same line always has the same values.
pub trait ColumnValues: Send + Sync {
    /// K, the number of rows.
    fn rows(&self) -> u32;
    /// N, the number of columns.
    fn columns(&self) -> u64;
    /// The value at (`row`, `column`); both must be in range.
    fn value(&self, row: u32, column: u64) -> f32;
    /// Rows `16 * line .. 16 * line + 15` of `column`; rows past K are zero.
    fn line(&self, column: u64, line: u32) -> [f32; 16] {
        let mut values = [0.0; 16];
        for (slot, row) in values.iter_mut().zip(16 * line..self.rows()) {
            *slot = self.value(row, column);
        }
        values
    }
}
