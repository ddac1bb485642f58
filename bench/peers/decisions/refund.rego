# What policies/refund-request.yaml says of a refund, for `npm run bench:decisions`. Text comes normalised: Rego has no NFKC.
# refund.wasm is made of it: opa build --target wasm --entrypoint refund/answer refund.rego, then policy.wasm of that bundle.
package refund

import rego.v1

answer := {"effect": effect, "matches": matches}

matches contains {
	"rule": "requires_approval_if.refund_amount_usd_gte",
	"effect": "require_approval",
	"fact": "refund_amount_usd",
	"value": input.refund_amount_usd,
	"threshold": 5000,
} if input.refund_amount_usd >= 5000

matches contains {
	"rule": "requires_approval_if.customer_tier_in",
	"effect": "require_approval",
	"fact": "customer_tier",
	"value": input.customer_tier,
	"threshold": ["enterprise"],
} if input.customer_tier in ["enterprise"]

matches contains {
	"rule": "deny_if.reason_contains",
	"effect": "deny",
	"fact": "reason",
	"value": input.reason,
	"threshold": ["chargeback retaliation", "fraud"],
} if {
	some needle in ["chargeback retaliation", "fraud"]
	contains(input.reason, needle)
}

default effect := "allow"

effect := "deny" if {
	some match in matches
	match.effect == "deny"
} else := "require_approval" if count(matches) > 0
