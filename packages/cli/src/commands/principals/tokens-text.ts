export function tokensText(count: number): string {
  return count === 1 ? '1 access token' : `${count} access tokens`;
}
