// What the forms of these pages do: they call the API, and say what it answered.
"use strict";

const link = new URLSearchParams(location.hash.slice(1));
const token = link.get("token");

async function call(method, path, body) {
  let response;
  try {
    response = await fetch(`../v1/${path}`, {
      method,
      body: body && JSON.stringify(body),
      headers: body && { "Content-Type": "application/json" },
    });
  } catch {
    throw new Error("The site cannot be reached. Try again.");
  }
  if (!response.ok) throw new Error(told(await response.json().catch(() => ({}))));
}

// A problem as RFC 9457 has it.
function told({ title = "Something went wrong. Try again.", detail, errors = [] }) {
  return [title, detail, ...errors.map((error) => error.detail)].filter(Boolean).join(": ");
}

const submit = {
  invitation: ({ name, new_password }) =>
    call("POST", "auth/invitations/accept", { token, name, password: new_password }),
  "password-reset-request": ({ email }) => call("POST", "auth/password-reset", { email }),
  "password-reset": ({ new_password }) =>
    call("POST", "auth/password-reset/confirm", { token, password: new_password }),
  "email-change": () => call("POST", "auth/email-change/confirm", { token }),
  "password-change": async ({ email, password, code, new_password }) => {
    await call("POST", "auth/session", { email, password, ...(code && { code }) });
    try {
      await call("POST", "account/password", { current_password: password, new_password });
    } finally {
      await call("DELETE", "auth/session").catch(() => {}); // it ends by itself
    }
  },
};

async function send(form) {
  const button = form.querySelector("button");
  const problem = form.querySelector(".problem");
  problem.textContent = "";
  button.disabled = true;
  try {
    await submit[form.id](Object.fromEntries(new FormData(form)));
    const done = document.getElementById("done");
    done.textContent = form.dataset.done;
    form.remove();
    done.focus();
    history.replaceState(null, "", location.pathname); // the token is used up
  } catch (error) {
    problem.textContent = error.message;
  } finally {
    button.disabled = false;
  }
}

for (const element of document.querySelectorAll("[data-when]")) {
  element.hidden = element.dataset.when !== (token ? "token" : "no token");
}

for (const input of document.querySelectorAll("input[readonly]")) {
  input.value = link.get("email") ?? "";
}

for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}

for (const box of document.querySelectorAll("[data-show-passwords]")) {
  box.addEventListener("change", () => {
    for (const input of box.form.querySelectorAll("input[name*=password]")) {
      input.type = box.checked ? "text" : "password";
    }
  });
}

// A link that is opened while its page is open already changes no more than the fragment.
addEventListener("hashchange", () => location.reload());
