//! The document of the partner API, made from the code that answers: OpenAPI 3.1.

use utoipa::openapi::security::{ClientCredentials, Flow, Http, HttpAuthScheme, OAuth2, Scopes, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::scope::Scope;
use super::{filed, inbox, stream, token, write};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "The platform's partner API",
        description = "A fictional platform lets a fictional partner, StreamCo, into its users' inboxes. Teaching software, unaudited. \
                       It is alleged that such an API was open to a real partner, and denied that private messages were shared with it.",
        version = "1"
    ),
    paths(
        token::issue,
        filed::agreement,
        inbox::threads,
        inbox::messages,
        inbox::search,
        stream::stream,
        write::post,
        write::delete,
        filed::report,
        filed::signals
    ),
    modifiers(&Security)
)]
struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scopes = Scope::ALL.map(|scope| (scope.as_str(), scope.as_str()));
        let flow = ClientCredentials::new("/partner/v1/token", Scopes::from_iter(scopes));
        let partner = SecurityScheme::OAuth2(OAuth2::new([Flow::ClientCredentials(flow)]));
        let client = SecurityScheme::Http(Http::new(HttpAuthScheme::Basic));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("partner", partner);
        components.add_security_scheme("client", client);
    }
}

/// The document, as JSON.
#[must_use]
pub fn openapi() -> String {
    Document::openapi().to_pretty_json().expect("the document is plain data with text keys")
}
