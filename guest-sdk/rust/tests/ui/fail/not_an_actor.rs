struct Account;

greenroom::export!(Account);

fn main() {}
