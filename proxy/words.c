/* proxy/words.c - see proxy/words.h */
#include <stddef.h>

#include "proxy/words.h"

#define SAY(is, because, so) .title = (is), .text = (because), .advice = (so)

#define SIGN_IN_FAILED "Sign-in failed"
#define UNAVAILABLE    "Sign-in is not available"
#define NO_ANSWER      "The application does not answer"
#define TRY_AGAIN      "Try again. If it happens again, ask your administrator and tell them the request id below."
#define ASK            "Ask your administrator, and tell them the request id below."
#define SOON           "Try again in a minute. Whoever is signed in already can go on working."
#define NOT_OURS                                                                                             \
	"The sign-in service's answer was not meant for this application, so you have not been signed in."

const struct words words_choose = { .title = "Where do you want to sign in?",
	.text = "This application knows more than one sign-in service. Choose yours." };
const struct words words_ask_logout = { .title = "Do you want to sign out?",
	.text = "Another website asks to end your session here. If that was not you, stay signed in." };
const struct words words_signed_out = { .title = "You are signed out",
	.text = "Your session with the sign-in service is over as well." };
const struct words words_signed_out_here = { .title = "You are signed out",
	.text =
	    "The sign-in service may still know you: then the next sign-in here asks for no password. On a "
	    "computer that others use, sign out there as well, or close all windows of this browser." };

static const struct words by_reason[REASON_COUNT] = {
	/* what a client sent */
	[REASON_BAD_TARGET] = { SAY("Bad address", "This address holds characters that no address may hold.",
	    "Check the link you followed.") },
	[REASON_PATH_AMBIGUOUS] = { SAY("Bad address",
	    "This address can be read in more than one way, so it was refused.",
	    "Check the link you followed.") },
	[REASON_HEADER_TOO_LARGE] = { SAY("Request too large",
					  "The address, or the cookies that your browser sends with it, are "
					  "too long.",
					  "Delete the cookies of this site and try again."),
	    .cookies = true },
	[REASON_BODY_TOO_LARGE] = { SAY("Upload too large", "What you sent is larger than this site accepts.",
	    "Send a smaller file, or ask your administrator to raise the limit.") },
	[REASON_HEADER_TIMEOUT] = { SAY("The request took too long",
	    "Your browser's request did not arrive in time.", "Check your connection and try again.") },
	[REASON_BODY_TIMEOUT] = { SAY("The upload stopped", "Nothing more of what you were sending arrived.",
	    "Check your connection and try again.") },
	[REASON_WRONG_HOST] = { SAY("Unknown site",
	    "This server is not responsible for the name in your address bar.", "Check the address.") },
	[REASON_OVERLOADED] = { SAY(
	    "Too busy", "There are more visitors than this server can take.", "Try again in a minute.") },
	[REASON_REVOCATION_FULL] = { SAY("Not for good",
	    "You were signed out here, but this server could not make sure that it lasts.",
	    "Sign out once more in a few minutes.") },
	[REASON_REVOCATION_UNKEPT] = { SAY("Not for good",
	    "You were signed out here, but this server could not make sure that it lasts.",
	    "Sign out once more in a few minutes.") },
	[REASON_HTTP2_ABUSE] = { SAY("Too many requests", "Your browser asked for more than it took.",
	    "Wait a minute, then try again.") },
	[REASON_BAD_PROXY_HEADER] = { SAY("Not understood",
	    "The server in front of this one did not say whose connection this is.", NULL) },
	[REASON_RATE_LIMITED] = { SAY("Too many sign-ins",
	    "There were too many sign-ins from your network in the last minute.",
	    "Wait a minute, then try again.") },
	[REASON_DRAINING] = { SAY(
	    "Back in a moment", "This server is being restarted.", "Try again in a minute.") },
	[REASON_BAD_TYPE] = { SAY(
	    "Not understood", "What was sent is not of the kind that belongs here.", NULL) },
	[REASON_ADMIN_FOREIGN] = { SAY("Access denied", "Sessions are not ended from a web page.", NULL) },
	[REASON_ADMIN_TOKEN] = { SAY(
	    "Access denied", "Ending sessions takes the administrator's token.", NULL) },
	[REASON_LOGOUT_BAD_REQUEST] = { SAY(
	    "Not understood", "This is no sign-out that this server knows.", NULL) },
	[REASON_LOGOUT_ISSUER] = { SAY(
	    "Not understood", "This sign-out is of somebody whom this server does not know.", NULL) },
	[REASON_LOGOUT_TOKEN] = { SAY(
	    "Not understood", "This is no sign-out that this server knows.", NULL) },
	[REASON_LOGOUT_REPLAY] = { SAY("Once is enough", "This sign-out has been done already.", NULL) },
	[REASON_NOT_ADMIN] = { SAY(
	    "Access denied", "This address is for the administrators of this server.", NULL) },
	/* who may pass */
	[REASON_NO_SESSION] = { SAY("Please sign in", "You have to be signed in to see this page.", NULL) },
	[REASON_SESSION_EXPIRED] = { SAY("Please sign in again", "Your session has run out.", NULL) },
	[REASON_SESSION_INVALID] = { SAY("Please sign in again", "Your session is not valid here.",
					 "If signing in does not help, delete the cookies of this site and "
					 "try again."),
	    .cookies = true },
	[REASON_SESSION_DUPLICATE] = { SAY("Please sign in again",
					   "Your browser sends several sessions at once, so none of them "
					   "counts.",
					   "Delete the cookies of this site and sign in again."),
	    .cookies = true },
	[REASON_SESSION_REVOKED] = { SAY("Please sign in again", "Your session was ended.", NULL) },
	[REASON_CROSS_ORIGIN] = { SAY("Request of another site stopped",
	    "Another website tried to do something here in your name. That was not let through.",
	    "If you meant to do it, open the application itself and do it there.") },
	[REASON_CLAIM_MISSING] = { SAY("Access denied",
				       "You are signed in, but your account does not have what this page "
				       "requires.",
				       "If you have another account, sign in with that one. Otherwise ask "
				       "your administrator for "
				       "access."),
	    .label = "Required" },
	[REASON_CLAIM_OVERAGE] = { SAY("Access denied",
				       "You are signed in, but your account is in more groups than the "
				       "sign-in "
				       "service can list, so it cannot be seen whether you may open this "
				       "page.",
				       "If you have another account, sign in with that one. Otherwise show "
				       "this "
				       "page to your administrator."),
	    .label = "Required" },
	[REASON_USERNAME_MISMATCH] = { SAY("Access denied",
					   "You are signed in, but the application has no name for your "
					   "account.",
					   "If you have another account, sign in with that one. Otherwise "
					   "ask your administrator."),
	    .label = "Required" },
	[REASON_FORM_GONE] = { SAY("Your form is not here any more",
	    "It was sent already, or it was kept for as long as forms are kept.",
	    "Look in the application whether it has arrived. If it has not, fill it in again.") },
	[REASON_FORM_OTHER_USER] = { SAY("The form was not sent",
	    "It was filled in by somebody else than who is signed in now, so it was thrown away.",
	    "If it was yours, sign in with the account you had then, and fill it in again.") },
	[REASON_VERIFY_UNTRUSTED] = { SAY(
	    "For servers only", "This address is for the web servers in front of this site.", NULL) },
	[REASON_VERIFY_UNCLEAR] = { SAY("Access denied",
	    "The web server in front of this site did not say clearly what you asked for.", ASK) },
	/* programs, mostly; a person sees it who opens their address in a browser */
	[REASON_BEARER_MISSING] = { SAY("For programs only",
	    "This address is for programs that bring an access token.",
	    "Open the application itself instead.") },
	/* a sign-in */
	[REASON_LOGIN_BAD_REQUEST] = { SAY(SIGN_IN_FAILED,
	    "The answer that your browser brought back from the sign-in service is not well-formed.",
	    "Start again from the application, not from a bookmark of a sign-in page.") },
	[REASON_LOGIN_PROVIDER] = { SAY(SIGN_IN_FAILED,
	    "This address names a sign-in service that this site does not have.",
	    "Start again from the application, not from a bookmark of a sign-in page.") },
	[REASON_LOGIN_STATE] = { SAY(SIGN_IN_FAILED,
	    "This sign-in was not begun in this browser, or too long ago.",
	    "Start again from the application, not from a bookmark of a sign-in page.") },
	[REASON_LOGIN_NO_COOKIE] = { SAY(SIGN_IN_FAILED,
					 "Your browser did not send back our sign-in cookie, so we cannot "
					 "tell that this sign-in is "
					 "yours.",
					 "Allow cookies for this site, then try again. A private window, an "
					 "extension, or a page shown "
					 "inside another page can hold cookies back."),
	    .cookies = true },
	[REASON_LOGIN_LOOP_COOKIE] = { SAY(SIGN_IN_FAILED,
					   "Signing in worked, several times over, but your browser does not "
					   "keep the session cookie.",
					   "Allow cookies for this site, then try again. A private window, "
					   "an extension, or a page shown "
					   "inside another page can hold cookies back."),
	    .cookies = true },
	[REASON_LOGIN_LOOP_CLOCK] = { SAY(SIGN_IN_FAILED,
	    "Signing in worked, several times over, but each session had run out already: the clocks of this "
	    "server and of the sign-in service differ.",
	    "You cannot mend this yourself. " ASK) },
	[REASON_LOGIN_LOOP_APP] = { SAY(SIGN_IN_FAILED,
	    "You are signed in, but the application keeps sending you back to sign in.",
	    "You cannot mend this yourself. " ASK) },
	[REASON_LOGIN_ISS] = { SAY(SIGN_IN_FAILED,
	    "The answer came from another sign-in service than the one we asked.", TRY_AGAIN) },
	[REASON_LOGIN_REFUSED] = { SAY(SIGN_IN_FAILED, "The sign-in service did not sign you in.", TRY_AGAIN),
	    .label = "Its answer" },
	[REASON_LOGIN_NO_USERNAME] = { SAY(SIGN_IN_FAILED,
					   "The sign-in service knows you, but did not say your user name to "
					   "this application.",
					   "Your account may lack it, or the sign-in service may have to be "
					   "told to send it. " ASK),
	    .label = "Missing claim" },
	[REASON_LOGIN_OTHER_USER] = { SAY(SIGN_IN_FAILED,
	    "Somebody else is signed in at the sign-in service now.",
	    "Sign in again from the application.") },
	[REASON_LOGIN_CLAIM] = { SAY(SIGN_IN_FAILED,
				     "Your account holds a value that cannot be passed on to the "
				     "application.",
				     ASK),
	    .label = "Claim" },
	/* the provider */
	[REASON_PROVIDER_DOWN] = { SAY(
	    UNAVAILABLE, "The sign-in service cannot be reached at the moment.", SOON) },
	[REASON_PROVIDER_TIMEOUT] = { SAY(UNAVAILABLE, "The sign-in service did not answer in time.", SOON) },
	[REASON_PROVIDER_BUSY] = { SAY(UNAVAILABLE, "The sign-in service is too busy at the moment.", SOON) },
	[REASON_PROVIDER_STATUS] = { SAY(
	    UNAVAILABLE, "The sign-in service has a fault at the moment.", SOON) },
	[REASON_PROVIDER_ANSWER] = { SAY(
	    UNAVAILABLE, "The sign-in service gave an answer that cannot be understood.", SOON) },
	[REASON_PROVIDER_TOO_LARGE] = { SAY(
	    UNAVAILABLE, "The sign-in service gave an answer that cannot be understood.", SOON) },
	[REASON_PROVIDER_ISSUER] = { SAY(UNAVAILABLE,
	    "The sign-in service calls itself by another name than the one it is known by here.", ASK) },
	[REASON_PROVIDER_NO_KEYS] = { SAY(UNAVAILABLE,
	    "The keys of the sign-in service are not known at the moment, so its answers cannot be checked.",
	    SOON) },
	[REASON_PROVIDER_CLIENT] = { SAY(SIGN_IN_FAILED,
	    "The sign-in service does not accept this application any more: its password or key is wrong or "
	    "has run out.",
	    "You cannot mend this yourself. " ASK) },
	[REASON_PROVIDER_GRANT] = { SAY(SIGN_IN_FAILED,
	    "The sign-in took too long, or was used before (the back button does that).",
	    "Start again from the application.") },
	[REASON_PROVIDER_ERROR] = { SAY(SIGN_IN_FAILED, "The sign-in service refused to finish the sign-in.",
					TRY_AGAIN),
	    .label = "Its answer" },
	[REASON_PROVIDER_USERINFO] = { SAY(SIGN_IN_FAILED,
	    "The sign-in service gave details of another person, or in a form that cannot be understood.",
	    TRY_AGAIN) },
	/* a token */
	[REASON_TOKEN_MALFORMED] = { SAY(SIGN_IN_FAILED,
	    "The sign-in service gave a proof of who you are that cannot be read.", TRY_AGAIN) },
	[REASON_TOKEN_HEADER] = { SAY(SIGN_IN_FAILED,
	    "The sign-in service gave a proof of who you are of a kind that is not accepted here.",
	    TRY_AGAIN) },
	[REASON_TOKEN_ALG] = { SAY(SIGN_IN_FAILED,
	    "The sign-in service gave a proof of who you are that is signed in a way that is not accepted "
	    "here.",
	    "You cannot mend this yourself. " ASK) },
	[REASON_TOKEN_KEY] = { SAY(SIGN_IN_FAILED,
	    "The proof of who you are is signed with a key that the sign-in service does not publish. It may "
	    "just have changed its keys.",
	    TRY_AGAIN) },
	[REASON_TOKEN_SIGNATURE] = { SAY(SIGN_IN_FAILED,
	    "The signature under the proof of who you are is wrong, so you have not been signed in.",
	    TRY_AGAIN) },
	[REASON_TOKEN_ISSUER] = { SAY(SIGN_IN_FAILED, NOT_OURS, TRY_AGAIN) },
	[REASON_TOKEN_TENANT] = { SAY("Access denied",
	    "You have signed in with an account of an organization that has no "
	    "access here.",
	    "If you have another account, sign in with that one. Otherwise ask "
	    "your administrator.") },
	[REASON_TOKEN_AUDIENCE] = { SAY(SIGN_IN_FAILED, NOT_OURS, TRY_AGAIN) },
	[REASON_TOKEN_EXPIRED] = { SAY(SIGN_IN_FAILED,
	    "The sign-in had run out when it arrived. Either it took very long, or the clocks of this server "
	    "and of the sign-in service differ.",
	    TRY_AGAIN) },
	[REASON_TOKEN_EARLY] = { SAY(SIGN_IN_FAILED,
	    "The sign-in is dated in the future: the clocks of this server and of the sign-in service "
	    "differ.",
	    "Try again in a minute. If it happens again, ask your administrator and tell them the request id "
	    "below.") },
	[REASON_TOKEN_NONCE] = { SAY(SIGN_IN_FAILED,
	    "The sign-in service's answer belongs to another sign-in than the one begun in this browser.",
	    "Start again from the application.") },
	[REASON_TOKEN_ACR] = { SAY(SIGN_IN_FAILED,
	    "The sign-in service did not check who you are as strictly as this application demands.",
	    "Sign in again, and take every step that the sign-in service offers, such as a second factor.") },
	[REASON_TOKEN_AUTH_TIME] = { SAY(SIGN_IN_FAILED,
	    "Your last sign-in at the sign-in service is longer ago than this application accepts.",
	    "Sign out at the sign-in service, then try again.") },
	[REASON_TOKEN_CLAIM] = { SAY(SIGN_IN_FAILED,
	    "The sign-in service left out something that a proof of who you are must hold.", TRY_AGAIN) },
	[REASON_TOKEN_HASH] = { SAY(
	    SIGN_IN_FAILED, "The parts of the sign-in service's answer do not belong together.", TRY_AGAIN) },
	[REASON_TOKEN_TYPE] = { SAY("Access denied",
	    "What came with the request is not an access token for this application.", ASK) },
	[REASON_TOKEN_INACTIVE] = { SAY("Access denied",
	    "The access token that came with the request has run out or was taken back.",
	    "Let the program sign in again.") },
	[REASON_TOKEN_USERNAME] = { SAY("Access denied", "The access token does not say who you are.", ASK) },
	/* the upstream */
	[REASON_UPSTREAM_CONNECT_TIMEOUT] = { SAY(
	    NO_ANSWER, "No connection to the application could be made in time.", "Try again in a minute.") },
	[REASON_UPSTREAM_TIMEOUT] = { SAY(NO_ANSWER, "The application took too long to answer.",
	    "What you asked for may have been done all the same: look before you try again.") },
	[REASON_UPSTREAM_CLOSED] = { SAY(NO_ANSWER,
	    "The application broke off before its answer was complete.",
	    "What you asked for may have been done all the same: look before you try again.") },
	[REASON_OUTBOUND_TOKEN] = { SAY(NO_ANSWER,
	    "The application asks for a permission that could not be had for it at the moment.",
	    "Try again in a minute. If it happens again, ask your administrator and tell them the request id "
	    "below.") },
	/* the Redis that instances share */
	[REASON_REDIS_DOWN] = { SAY("Back in a moment",
	    "This server cannot reach the place where sessions are kept.",
	    "Try again in a minute. You need not sign in again.") },
	[REASON_REVOCATIONS_STALE] = { SAY("Back in a moment",
	    "This server cannot find out at the moment which sessions have been ended.",
	    "Try again in a minute. You need not sign in again.") },
	[REASON_UPSTREAM_LOOP] = { SAY("The application goes round in circles",
	    "The application keeps sending your browser to the page that it asked for.",
	    "You cannot mend this yourself. " ASK) },
};

static const struct {
	int status;
	struct words words;
} by_status[] = {
	{ 400, { SAY("Bad request", "Your browser's request could not be understood.",
		   "Check the link you followed.") } },
	{ 401, { SAY("Please sign in", "You have to be signed in to see this page.", NULL) } },
	{ 403, { SAY("Access denied", "You may not see this page.", ASK) } },
	{ 404, { SAY("Page not found", "There is nothing at this address.",
		   "Check the address, or the link you followed.") } },
	{ 405, { SAY("Not possible here", "This address does not take this kind of request.", NULL) } },
	{ 408, { SAY("The request took too long", "Your browser's request did not arrive in time.",
		   "Try again.") } },
	{ 413, { SAY("Upload too large", "What you sent is larger than this site accepts.", NULL) } },
	{ 417, { SAY("Bad request", "The request expects something that this server does not do.", NULL) } },
	{ 421, { SAY("Unknown site", "This server is not responsible for the name in your address bar.",
		   NULL) } },
	{ 429, { SAY("Too many requests", "There were too many requests from your network.",
		   "Wait a minute, then try again.") } },
	{ 431,
	    { SAY("Request too large", "The address or the cookies of the request are too long.", NULL) } },
	{ 500, { SAY("Something went wrong", "This server has a fault.", TRY_AGAIN) } },
	{ 501, { SAY("Not possible here", "This server does not do this kind of request.", NULL) } },
	{ 502, { SAY(NO_ANSWER, "The application cannot be reached at the moment.",
		   "Try again in a minute.") } },
	{ 503, { SAY("Not available", "This service is not available at the moment.",
		   "Try again in a minute.") } },
	{ 504, { SAY(NO_ANSWER, "The application took too long to answer.", "Try again in a minute.") } },
	{ 505, { SAY("Bad request", "The request is of a version of HTTP that this server does not speak.",
		   NULL) } },
};

static const struct words *words_of_status(int status);

const struct words *
words_find(enum reason r, int status)
{
	if (by_reason[r].title != NULL)
		return &by_reason[r];
	return words_of_status(r == REASON_NONE ? status : reason_status(r));
}

static const struct words *
words_of_status(int status)
{
	static const struct words client = { SAY(
	    "Bad request", "Your browser's request was refused.", NULL) };
	static const struct words server = { SAY(
	    "Something went wrong", "This server has a fault.", TRY_AGAIN) };

	for (size_t i = 0; i < sizeof(by_status) / sizeof(by_status[0]); i++)
		if (by_status[i].status == status)
			return &by_status[i].words;
	return status < 500 ? &client : &server;
}
