/** Every word about whose token is used. */
export const USERS = {
  label: 'User',
  accounts: { buyer: 'Buyer', seller: 'Seller', admin: 'Admin', other: 'Other…' },
  is: ({ id, role }) => [`user ${id ?? '?'}`, role].filter(Boolean).join(', '),
  token: 'Token',
  use: 'Use it',
  paste: 'Paste an access token of your backend.',
  noLogin: (why) =>
    `There is no token for this account: ${why} Only the demo backend has it; with yours, choose Other and paste a token.`,
};
