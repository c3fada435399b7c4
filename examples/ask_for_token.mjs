// Calls Calendly for a connection: node ask_for_token.mjs ID. KEEPER_URL and KEEPER_TOKEN say where the keeper is.
const { KEEPER_URL, KEEPER_TOKEN, CALENDLY_URL = "https://api.calendly.com" } = process.env;
const get = (url, token) => fetch(url, { headers: { Authorization: `Bearer ${token}` } });

async function token(connection, query = "") {
  const answer = await get(`${KEEPER_URL}/v1/connections/${connection}/access-token${query}`, KEEPER_TOKEN);
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return answer.json();
}

async function call(connection, path) {
  const had = await token(connection);
  const answer = await get(CALENDLY_URL + path, had.access_token);
  if (answer.status !== 401) return answer;
  return get(CALENDLY_URL + path, (await token(connection, `?rejected=${had.generation}`)).access_token);
}

console.log((await (await call(process.argv[2], "/users/me")).json()).resource.uri);
