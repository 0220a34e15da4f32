/** What an operator says to a gateway of the benchmark. */
export const adminToken = "admin-control-0123456789"
