//! Parameters of the kernels.

use sim_core::params::{any, zero_or};

sim_core::named_values! {
    /// Which workgroups follow each other.
    pub enum DispatchOrder {
        /// The kernel's own: dense kernels n fastest, spartan kernels m fastest.
        Kernel = "kernel",
        /// Neighbours along the columns of C follow each other.
        NFastest = "n-fastest",
        /// Neighbours along the rows of C follow each other: they share columns of B.
        MFastest = "m-fastest",
    }
}

sim_core::parameters! {
    /// How the kernels are tiled and dispatched.
    pub struct Kernel {
        /// Tile of C per workgroup as "ROWSxCOLUMNS", for `dense-tiled` and `spartan`; "auto" takes the one
        /// with the shortest estimated time for the shape.
        tile: String = "auto".into(), "", any();
        /// Which workgroups follow each other.
        dispatch_order: DispatchOrder = DispatchOrder::Kernel, "", any();
        /// Wavefronts of a `spartan` workgroup; 0 takes as many as have room for their registers.
        wavefronts: u32 = 0, "", zero_or(1, 16);
        /// Rows of B that a `spartan` workgroup's columns advance together; 0 takes as many as the LDS
        /// holds twice.
        k_window: u32 = 0, "rows", zero_or(1, 1_024);
    }
}
